#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""No comment begins with of, for, by, what or whether: a comment is a full sentence.

    language.py SOURCE-FOLDER

In a script, only the first line of a comment counts, and the text behind "name ARGUMENT: ".
"""
import os
import re
import sys

from tools import list_files, source_folder

WORDS = r"(?:of|for|by|what|whether)\b"
IN_C = re.compile(rf"/\*+<?\s*{WORDS}", re.IGNORECASE)
IN_SCRIPT = re.compile(rf"(?:^|\s)#\s+(?:[a-z_]+[^:#]*: )?{WORDS}", re.IGNORECASE)
IN_DOCSTRING = re.compile(rf'"""{WORDS}', re.IGNORECASE)
FOLDERS = ("src/", "include/", "tests/", "jobs/")


def find_fragments(path, text):
    """Numbers and texts of the lines whose comment begins with one of the words."""
    found, continued = [], False
    in_c = path.endswith((".c", ".h", ".cpp", ".c.in"))
    for number, line in enumerate(text.split("\n"), 1):
        comment = not in_c and line.lstrip().startswith("#")
        if in_c:
            wrong = IN_C.search(line)
        else:
            wrong = (IN_SCRIPT.search(line) and not (comment and continued)
                     or path.endswith(".py") and IN_DOCSTRING.search(line))
        if wrong:
            found.append(f"{path}:{number}: {line.strip()}")
        continued = comment and line.strip() != "#"
    return found


FAULTS = [
    ("a.c", "int a; /* of the rank */"),
    ("a.h", "/** What the writer holds. */"),
    ("a.sh", "# for the tests below\nx=1"),
    ("a.sh", "x=1 # whether it is one"),
    ("a.sh", "# wait_for PATTERN: by way of the log"),
    ("a.py", '"""By the tests."""'),
]
GOOD = [
    ("a.c", "/* A rank waits\n * for the others. */"),
    ("a.sh", "# The test waits\n# for the others."),
    ("a.sh", "for x in 1; do echo \"$#\"; done"),
]


def main():
    root = source_folder()
    wrong = []
    paths = [path for path in list_files(
        root, "*.[ch]", "*.cpp", "*.c.in", "*.sh", "*.sbatch", "*.pbs", "*.lsf", "*.bash",
        "*.zsh", "*.py", "*.cmake", "*CMakeLists.txt", "*.supp") if path.startswith(FOLDERS)]
    for path in paths:
        if path != "tests/style/language.py":
            with open(os.path.join(root, path), encoding="utf-8") as file:
                wrong += find_fragments(path, file.read())
    if wrong or not paths:
        sys.exit("FAILED: write a sentence with a subject and a verb:\n" + "\n".join(wrong))
    print(f"ok: no comment of {len(paths)} files begins with of, for, by, what or whether")
    for path, text in FAULTS:
        if not find_fragments(path, text):
            sys.exit(f"FAILED: {text!r} is not found")
    for path, text in GOOD:
        if find_fragments(path, text):
            sys.exit(f"FAILED: {text!r} is no fragment")
    print("ok: fragments are found, continued lines are none")


main()
