#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every file name of a run's folder is spelled in one place of the source tree, and every name
of a function that begins with SN_HOT is unique, as src/base/numeric/real.h demands.

    names.py SOURCE-FOLDER

Texts for people (help, the report) may name the files; the table below lists who prints them.
The rule is then tried on copies of the tree with one fault each: every fault must be found.
"""
import os
import re
import sys

from sources import read_sources

# Pattern in a string literal: the one file that may hold it.
PATHS, FILE = "src/store/paths.h", "src/base/system/file.h"
NAMES = {
    r"config\.ini": PATHS,
    r"metrics\.h5": PATHS,
    r"report\.html": PATHS,
    r"\.lock\b": PATHS,
    r"\bcheckpoints/|^checkpoints$": PATHS,
    r"step-": PATHS,
    r"best\.h5": PATHS,
    r"^\.h5$": PATHS,
    r"\babandoned\b": PATHS,
    r"\.old\b|^old$": PATHS,
    r"\.damaged\b|^damaged$": PATHS,
    r"\.tmp\b": FILE,
}
# Here a literal with white space is a text for people.
TEXTS = re.compile(r"src/(cli/(commands/cmd_\w+|options|report/page)|config/keys)\.c$")
LITERAL = re.compile(r'"((?:\\.|[^"\\\n])*)"')
HOT = re.compile(r"^SN_HOT\n\w+ (\w+)\(", re.MULTILINE)
IGNORED = re.compile(r"/\*.*?\*/|^\s*#\s*include\b[^\n]*", re.DOTALL | re.MULTILINE)


def check(sources):
    wrong = []
    for path in sorted(sources):
        for literal in LITERAL.findall(IGNORED.sub(" ", sources[path])):
            if TEXTS.match(path) and re.search(r"\s|\\n", literal):
                continue
            wrong += [f'{path}: "{literal}" belongs to {owner}'
                      for pattern, owner in NAMES.items()
                      if path != owner and re.search(pattern, literal)]
    owners = {}
    for path in sorted(sources):
        for name in HOT.findall(sources[path]):
            wrong += [f"{path}: SN_HOT {name} is in {owners[name]}, too"] if name in owners else []
            owners[name] = path
    return wrong


FAULTS = [
    ("src/run/lock.c", '".lock"'),
    ("src/run/folder.c", '"metrics (%s): moved to metrics.h5.damaged"'),
    ("src/run/writer.c", '"checkpoints"'),
    ("src/store/checkpoint/folder.c", '"checkpoints/step-%08d.h5"'),
    ("src/store/metrics/metrics.c", '"damaged"'),
    ("src/eval/target.c", '"best.h5"'),
    ("src/cli/commands/cmd_metrics.c", '".h5"'),
    ("src/cli/commands/cmd_metrics.c", '"config.ini"'),
    ("src/cli/commands/cmd_report.c", '"report.html"'),
    ("src/cli/main.c", '"%s.tmp"'),
]


def main():
    if len(sys.argv) != 2 or not os.path.isdir(os.path.join(sys.argv[1], "src")):
        sys.exit("usage: names.py SOURCE-FOLDER")
    sources = read_sources(sys.argv[1])
    wrong = check(sources)
    if wrong:
        sys.exit("FAILED:\n" + "\n".join(wrong))
    print("ok: every file name of a run's folder is spelled in one place")
    for path, literal in FAULTS:
        faulty = dict(sources)
        faulty[path] = sources.get(path, "") + f"\nconst char *name = {literal};\n"
        if not any(line.startswith(f"{path}: {literal} ") for line in check(faulty)):
            sys.exit(f"FAILED: {literal} in {path} is not found")
        print(f"ok: {literal} in {path} is found")
    hot = "\nSN_HOT\nvoid absorb(void)\n"
    path, _ = FAULTS[0]
    if len(check({**sources, path: sources[path] + hot})) != 1:
        sys.exit("FAILED: a second SN_HOT function of the same name is not found")
    print("ok: a second SN_HOT function of the same name is found")


main()
