# SPDX-License-Identifier: BSD-3-Clause
"""Shared by the checks that run a tool of the distribution over the files of the repository."""
import concurrent.futures
import fnmatch
import os
import re
import shutil
import subprocess
import sys

SKIPPED = 77


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def source_folder():
    """The only argument of the script that runs."""
    if len(sys.argv) != 2 or not os.path.isdir(os.path.join(sys.argv[1], "src")):
        sys.exit(f"usage: {os.path.basename(sys.argv[0])} SOURCE-FOLDER")
    return sys.argv[1]


def list_files(root, *patterns):
    """Paths of the files that Git tracks and whose path matches one of the patterns."""
    command = ["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z"]
    try:
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        print("unavailable: the source folder is not a Git repository")
        sys.exit(SKIPPED)
    return [path for path in output.split("\0")
            if any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)
            and os.path.isfile(os.path.join(root, path))]


def find_tool(name, major=None):
    """The path of a tool; with a major version, only of that version."""
    for candidate in ([f"{name}-{major}"] if major else []) + [name]:
        path = shutil.which(candidate)
        if path is None:
            continue
        text = subprocess.run([path, "--version"], stdout=subprocess.PIPE, text=True,
                              check=True).stdout
        if major is None or re.search(rf"version {major}\.", text):
            return path
    version = f" {major}" if major else ""
    return skip(f"{name}{version} is missing (Debian: {name})")


def run_tool(command, root, text=None):
    """The exit code and the output of a command in the source folder."""
    done = subprocess.run(command, cwd=root, input=text, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


def run_in_parallel(command, root, paths, chunk):
    """Runs the command over the paths, two processes at a time; the output of those that fail."""
    def run(part):
        code, output = run_tool(command + part, root)
        return output or f"exit code {code}\n" if code else ""

    parts = [paths[i:i + chunk] for i in range(0, len(paths), chunk)]
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        return "".join(pool.map(run, parts))


def expect_refusal(command, root, text, what):
    """The command must fail on a text that has a fault."""
    if run_tool(command, root, text)[0] == 0:
        sys.exit(f"FAILED: {what} is not found")
    print(f"ok: {what} is found")
