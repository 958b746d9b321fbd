#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""clang-tidy finds nothing in any source that the build compiles.

    tidy.py SOURCE-FOLDER BUILD-FOLDER

.clang-tidy and tests/.clang-tidy list the checks; only version 14 is asked.  Each file has a
process of its own, since the analyzer reports false findings from the second file on.
"""
import json
import os
import re
import sys
import tempfile

from tools import find_tool, run_in_parallel, run_tool, skip

# Options of GCC that Clang does not know.
UNKNOWN = re.compile(r" -m(no-recip|recip=none)\b")
BAD = "int f(int a)\n{\n    int *p = a > 0 ? &a : 0;\n    return *p;\n}\n"


def read_commands(root, build):
    """The compile commands of the files of the source tree, without what Clang rejects."""
    path = os.path.join(build, "compile_commands.json")
    if not os.path.exists(path):
        skip("the build folder has no compile_commands.json")
    with open(path, encoding="utf-8") as file:
        commands = json.load(file)
    inside = os.path.realpath(root) + os.sep
    commands = [entry for entry in commands
                if os.path.realpath(entry["file"]).startswith(inside)
                and not os.path.realpath(entry["file"]).startswith(os.path.realpath(build))]
    for entry in commands:
        entry["command"] = UNKNOWN.sub("", entry["command"])
    return commands


def main():
    if len(sys.argv) != 3 or not os.path.isdir(os.path.join(sys.argv[1], "src")):
        sys.exit("usage: tidy.py SOURCE-FOLDER BUILD-FOLDER")
    root, build = sys.argv[1:]
    tool = find_tool("clang-tidy", 14)
    commands = read_commands(root, build)
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "compile_commands.json"), "w", encoding="utf-8") as file:
            json.dump(commands, file)
        paths = sorted({entry["file"] for entry in commands})
        wrong = run_in_parallel([tool, "--quiet", "-p", folder], root, paths, 1)
        if wrong or not paths:
            sys.exit(f"FAILED:\n{wrong}")
        print(f"ok: clang-tidy finds nothing in {len(paths)} files")
        bad = os.path.join(folder, "bad.c")
        with open(bad, "w", encoding="utf-8") as file:
            file.write(BAD)
        config = f"--config-file={os.path.join(root, '.clang-tidy')}"
        if run_tool([tool, "--quiet", config, bad, "--"], root)[0] == 0:
            sys.exit("FAILED: a null pointer that is read is not found")
        print("ok: a null pointer that is read is found")


main()
