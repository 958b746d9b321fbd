#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every source file and script begins with the line of its licence.

    spdx.py SOURCE-FOLDER

Only a line #! may precede it.
"""
import os
import sys

from tools import list_files, source_folder

LICENCE = "SPDX-License-Identifier: BSD-3-Clause"
PATTERNS = ["*.c", "*.h", "*.cpp", "*.c.in", "*.map", "*.sh", "*.sbatch", "*.pbs", "*.lsf", "*.bash",
            "*.zsh", ".ci/run", "*.py", "*.ini", "*.cmake", "*.cmake.in", "*.pc.in", "*CMakeLists.txt", "*.supp"]


def has_licence(text):
    lines = text.split("\n")
    if lines[0].startswith(("#!", "#compdef ")):
        lines = lines[1:]
    return bool(lines) and lines[0] in (f"/* {LICENCE} */", f"# {LICENCE}")


def main():
    root = source_folder()
    paths = [path for path in list_files(root, *PATTERNS)
             if not path.startswith("tests/compat/")]
    wrong = []
    for path in paths:
        with open(os.path.join(root, path), encoding="utf-8") as file:
            if not has_licence(file.read()):
                wrong.append(path)
    if wrong or not paths:
        sys.exit(f"FAILED: these must begin with '{LICENCE}':\n" + "\n".join(wrong))
    print(f"ok: {len(paths)} files begin with the line of their licence")
    for text in ("", "#include <stdio.h>\n", "#!/bin/sh\nset -e\n", "/* \n"):
        if has_licence(text):
            sys.exit(f"FAILED: the lack of a licence is not found in {text!r}")
    print("ok: a file without licence is found")


main()
