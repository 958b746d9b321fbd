#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Builds the preset coverage, runs its tests, and prints which part of src they reach.
#
#     tests/coverage.sh [CTEST ARGUMENT...]
#
# The default tests run, except those of the installed files, which cannot link the counters,
# and of style.  The script prints the lines and branches that they reach, by folder and in
# total, and the files with the most unreached branches.  A process that ends by a signal, _exit
# or abort writes no counts: kill -9 and the watchdog reach more than the table shows.  Tests
# that limit the size of files or match all of stderr may fail, since each process writes counts.
#
# Exit codes: 0 all tests passed; 1 some failed; 69 packages are missing; 70 the build failed
set -euo pipefail

here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=../jobs/common.sh
. "$here/../jobs/common.sh"

offer_help "$@"
if [ -n "${SHARDNET_DATA-}" ]; then
    SHARDNET_DATA=$(absolute "$SHARDNET_DATA")
    export SHARDNET_DATA
fi
allow_mpirun_as_root
allow_oversubscription
export OMPI_MCA_hwloc_base_binding_policy=none
# tests with a limit of time run slower with counters; CTest ends most scripts after 240 s
export SHARDNET_TEST_SECONDS="${SHARDNET_TEST_SECONDS-180}"

"$source_root/jobs/setup.sh" all
command -v gcovr >/dev/null || fail 69 "gcovr is missing (Debian: gcovr)"
cd -- "$source_root"
# without the man page, the build runs its generator again
if [ -d build/coverage ]; then
    find build/coverage \( -name '*.gcda' -o -name shardnet.1 -o -path '*/completion/*' \) -delete
fi
build coverage
failed=0
ctest --preset coverage -j $((4 * $(processors))) "$@" || failed=1

# test_gradient compiles nn in double, whose functions do not match those of the program; a
# process that dies while it writes leaves counts that gcovr warns of
gcovr --root . --filter src/ --exclude-directories '.*/test_gradient\.dir' \
    --exclude-throw-branches --gcov-ignore-parse-errors \
    --json-summary build/coverage/summary.json build/coverage >build/coverage/gcovr.log 2>&1 || {
    cat build/coverage/gcovr.log >&2
    fail 70 "gcovr failed"
}
python3 - build/coverage/summary.json <<'END'
import collections, json, os, sys

def percent(reached, all_):
    return f"{reached:6} of {all_:6} {100 * reached / all_ if all_ else 100:6.1f} %"

files = json.load(open(sys.argv[1]))["files"]
rows = collections.defaultdict(lambda: [0, 0, 0, 0])
for file in files:
    path = os.path.relpath(file["filename"], "src") if file["filename"].startswith("src/") else file["filename"]
    counts = [file[key] for key in ("line_covered", "line_total", "branch_covered", "branch_total")]
    for name in (os.path.dirname(path), "total"):
        rows[name] = [a + b for a, b in zip(rows[name], counts)]
print(f"{'folder':20} {'lines':>25} {'branches':>25}")
for name in sorted(rows, key=lambda name: (name == "total", name)):
    lines, branches = percent(*rows[name][:2]), percent(*rows[name][2:])
    print(f"{name:20} {lines:>25} {branches:>25}")
print("\nfiles with the most unreached branches")
files.sort(key=lambda file: file["branch_covered"] - file["branch_total"])
for file in files[:20]:
    print(f"{file['branch_total'] - file['branch_covered']:6}  {file['filename']}")
END
exit "$failed"
