#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""ShellCheck finds nothing in any script; .shellcheckrc lists the checks that are off.

    shellcheck.py SOURCE-FOLDER
"""
import sys

from tools import expect_refusal, find_tool, list_files, run_in_parallel, source_folder


def main():
    root = source_folder()
    command = [find_tool("shellcheck")]
    paths = list_files(root, "*.sh", "*.sbatch", "*.pbs", "*.lsf", "*.bash", ".ci/run")
    wrong = run_in_parallel(command, root, paths, 6)
    if wrong or not paths:
        sys.exit(f"FAILED:\n{wrong}")
    print(f"ok: ShellCheck finds nothing in {len(paths)} scripts")
    expect_refusal(command + ["-"], root, "#!/bin/bash\nrm -r $1\n", "an unquoted variable")


main()
