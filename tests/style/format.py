#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every C and C++ source has the format of .clang-format.

    format.py SOURCE-FOLDER

Each version of clang-format breaks some lines differently: only version 14 is asked.
"""
import sys

from tools import expect_refusal, find_tool, list_files, run_in_parallel, source_folder


def main():
    root = source_folder()
    command = [find_tool("clang-format", 14), "--dry-run", "-Werror"]
    paths = list_files(root, "*.c", "*.h", "*.cpp")
    wrong = run_in_parallel(command, root, paths, 30)
    if wrong or not paths:
        sys.exit(f"FAILED:\n{wrong}run: clang-format -i FILE...")
    print(f"ok: the format of {len(paths)} files")
    expect_refusal(command + ["--assume-filename=src/base/mem.c"], root,
                   "int  main( void ){return 0;}\n", "a badly formatted line")


main()
