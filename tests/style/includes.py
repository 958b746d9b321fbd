#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The structure of the source tree: which room may use which, and no circles.

    includes.py SOURCE-FOLDER

1. Includes point only in the direction
       cli -> perf -> train -> run, eval -> config, store, dist -> nn, data -> base
   and, inside a room, only from a sub-folder to those that the table below names.
2. A header of a foreign library is included by the one room that owns the library.
3. No file uses, directly or through others, a function of a file that uses it.
4. The public headers include only public headers and the C library.

The rules are then tried on copies of the tree with one fault each: every fault must be found.
"""
import os
import re
import shutil
import sys
import tempfile

from sources import read_sources

# Room: the rooms, or single folders of rooms, that it may include.
ROOMS = {
    "base": [],
    "nn": ["base"],
    "data": ["base"],
    "config": ["dist/reduce", "nn", "data", "base"],
    "store": ["nn", "data", "base"],
    "dist": ["nn", "data", "base"],
    "eval": ["config", "store", "dist", "nn", "data", "base"],
    "run": ["config", "store", "dist", "nn", "data", "base"],
    "train": ["run", "eval", "config", "store", "dist", "nn", "data", "base"],
    "perf": ["train", "run", "eval", "config", "store", "dist", "nn", "data", "base"],
    "cli": ["perf", "train", "run", "eval", "config", "store", "dist", "nn", "data", "base"],
}
# Sub-folder: the other folders of its room that it may include.
FOLDERS = {
    "base": [],
    "base/system": ["base"],
    "base/text": ["base"],
    "base/numeric": ["base", "base/system"],
    "train": ["train/console", "train/step"],
    "train/console": ["train", "train/step"],
    "train/step": [],
    "nn": ["nn/products"],
    "store": [],
    "eval": ["eval/export"],
    "eval/export": [],
    "nn/products": [],
    "data": ["data/formats", "data/image", "data/source"],
    "data/formats": [],
    "data/image": ["data/formats"],
    "data/source": ["data/formats", "data/image"],
    "store/h5": ["store"],
    "store/checkpoint": ["store", "store/h5", "store/metrics"],
    "store/metrics": ["store", "store/h5"],
    "dist/launch": [],
    "dist/comm": ["dist/launch"],
    "dist/node": ["dist/comm", "dist/launch"],
    "dist/reduce": ["dist/comm", "dist/node"],
    "dist/watchdog": ["dist/comm"],
    "cli": [],
    "cli/commands": ["cli", "cli/predict", "cli/report"],
    "cli/predict": ["cli"],
    "cli/report": [],
    "cli/manual": ["cli"],
}
# Public header: the folder that implements it.
PUBLIC = {"status": "base", "version": "base", "config": "config", "comm": "dist/comm",
          "model": "eval", "train": "train"}
# Library header: where it may be included.
LIBRARIES = [
    (r"mpi\.h$", r"src/dist/"),
    (r"(hdf5|hdf5_hl|H5\w*)\.h$", r"src/store/"),
    (r"(cblas|openblas_config|dnnl\w*|oneapi/.*)\.h$", r"src/nn/products/gemm\w*\.[ch]$"),
    (r"png\.h$", r"src/(data/image/image_png|cli/report/sheet)\.c$"),
    (r"(jpeglib|jerror)\.h$", r"src/data/image/image_jpeg\.c$"),
    (r"zip\.h$", r"src/data/source/source_npz\.c$"),
    (r"ini\.h$", r"src/config/ini\.c$"),
]
DEFINITION = re.compile(r"^[A-Za-z_][^;{}()=]*\b(sn_\w+)\([^;{}]*\)\s*\{", re.MULTILINE)
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)


def folder_of(path):
    """The folder below src/ that owns a file, also of a public header."""
    if path.startswith("include/"):
        return PUBLIC.get(os.path.basename(path)[:-2], "cli")
    return os.path.dirname(path)[len("src/"):]


def check_include(path, quote, target):
    """Returns the fault of this include, or None."""
    if quote == "<":
        for library, allowed in LIBRARIES:
            if re.match(library, target) and not re.match(allowed, path):
                return f"{target} belongs to {allowed}"
        return None
    public = target.startswith("shardnet/")
    if path.startswith("include/"):
        return None if public else f"a public header must not include {target}"
    other = folder_of("include/" + target if public else "src/" + target)
    mine = folder_of(path)
    room, other_room = mine.split("/")[0], other.split("/")[0]
    if other_room not in ROOMS or room not in ROOMS:
        return f"unknown room: {mine} includes {target}"
    if room != other_room:
        allowed = other_room in ROOMS[room] or other in ROOMS[room]
        return None if allowed else f"{room} must not include {target}"
    allowed = FOLDERS.get(mine, [])
    return None if other == mine or other in allowed else f"{mine} must not include {target}"


def strip(text):
    """The code without comments and strings."""
    return re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"', " ", text, flags=re.DOTALL)


def find_circles(sources):
    code = {path: strip(text) for path, text in sources.items() if path.endswith(".c")}
    owner = {name: path for path, text in code.items() for name in DEFINITION.findall(text)}
    uses = {}
    for path, text in code.items():
        uses[path] = {owner[name] for name in re.findall(r"\bsn_\w+", text)
                      if owner.get(name, path) != path}
    reach = {path: set(uses[path]) for path in uses}
    changed = True
    while changed:
        changed = False
        for path in reach:
            more = set().union(*(reach[other] for other in reach[path])) - reach[path]
            changed = changed or bool(more)
            reach[path] |= more
    circles = {frozenset(other for other in reach[path] if path in reach[other])
               for path in reach if path in reach[path]}
    return [f"circle: {', '.join(sorted(circle))}" for circle in circles]


def check(root):
    sources = read_sources(root)
    wrong = []
    for path in sorted(sources):
        for quote, target in INCLUDE.findall(sources[path]):
            why = check_include(path, quote, target)
            if why:
                wrong.append(f"{path}: {why}")
    return wrong + find_circles(sources)


FAULTS = [
    ("src/base/mem.c", '#include "nn/net.h"'),
    ("src/nn/net.c", '#include "data/formats/idx.h"'),
    ("src/nn/products/gemm.c", '#include "nn/net.h"'),
    ("src/data/formats/idx.c", '#include "nn/net.h"'),
    ("src/nn/net.c", '#include "dist/comm/comm.h"'),
    ("src/config/check.c", '#include "dist/comm/comm.h"'),
    ("src/dist/comm/comm.c", '#include "store/checkpoint/checkpoint.h"'),
    ("src/dist/comm/comm.c", '#include "dist/watchdog/watchdog.h"'),
    ("src/store/checkpoint/write.c", '#include "dist/comm/comm.h"'),
    ("src/store/h5/h5.c", '#include "store/metrics/metrics.h"'),
    ("src/store/metrics/metrics.c", '#include "train/step/step.h"'),
    ("src/eval/evaluate.c", '#include "run/lock.h"'),
    ("src/train/trainer.c", '#include "perf/bench.h"'),
    ("src/train/trainer.c", '#include "cli/job.h"'),
    ("src/train/trainer.c", "#include <mpi.h>"),
    ("src/train/trainer.c", "#include <hdf5.h>"),
    ("src/cli/job.c", '#include "cli/report/html.h"'),
    ("src/nn/net.c", "#include <cblas.h>"),
    ("src/data/formats/idx.c", "#include <png.h>"),
    ("src/data/image/image.c", "#include <jpeglib.h>"),
    ("src/cli/main.c", "#include <ini.h>"),
    ("include/shardnet/comm.h", "#include <mpi.h>"),
    ("include/shardnet/train.h", '#include "train/step/step.h"'),
]
CIRCLE = [("src/base/mem.c", "int sn_one(void)\n{\n    return sn_two();\n}\n"),
          ("src/base/system/clock.c", "int sn_two(void)\n{\n    return sn_three();\n}\n"),
          ("src/base/numeric/rng.c", "int sn_three(void)\n{\n    return sn_one();\n}\n")]


def try_fault(root, additions):
    with tempfile.TemporaryDirectory() as scratch:
        for top in ("src", "include"):
            shutil.copytree(os.path.join(root, top), os.path.join(scratch, top))
        for path, text in additions:
            with open(os.path.join(scratch, path), "a", encoding="utf-8") as file:
                file.write("\n" + text + "\n")
        return check(scratch)


def main():
    if len(sys.argv) != 2 or not os.path.isdir(os.path.join(sys.argv[1], "src")):
        sys.exit("usage: includes.py SOURCE-FOLDER")
    root = sys.argv[1]
    wrong = check(root)
    if wrong:
        sys.exit("FAILED:\n" + "\n".join(wrong))
    print("ok: every include points the right way, and no file is part of a circle")
    for path, text in FAULTS:
        found = try_fault(root, [(path, text)])
        if not any(line.startswith(path + ":") for line in found):
            sys.exit(f"FAILED: {text} in {path} is not found")
        print(f"ok: {text} in {path} is found")
    if not any(line.startswith("circle: ") and all(path in line for path, _ in CIRCLE)
               for line in try_fault(root, CIRCLE)):
        sys.exit("FAILED: a circle of three files is not found")
    print("ok: a circle of three files is found")


main()
