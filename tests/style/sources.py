# SPDX-License-Identifier: BSD-3-Clause
"""The C files of the source tree, for the tests of style."""
import os


def read_sources(root):
    """Maps the path of every .c and .h file of src/ and include/ to its text."""
    sources = {}
    for top in ("src", "include"):
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in names:
                if name.endswith((".c", ".h")):
                    path = os.path.join(folder, name)
                    with open(path, encoding="utf-8") as file:
                        sources[os.path.relpath(path, root)] = file.read()
    return sources
