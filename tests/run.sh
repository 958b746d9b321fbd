#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Installs missing packages, builds, and runs the tests.
#
#     tests/run.sh [--all] [--asan] [CTEST ARGUMENT...]
#
# The default is the preset dev without the tests that carry the label slow or long.
#     --all   also the slow tests, and the labels unit, mpi and fuzz under AddressSanitizer
#             and UndefinedBehaviorSanitizer (preset asan), and the tests of the threads under
#             ThreadSanitizer (preset tsan).  Skipping a test is a failure where a package, or
#             root, would have prevented it and apt-get can install.
#     --asan  only the preset asan, with all tests that the sanitizers permit
# CTest's arguments select among these tests, for example -R resume or -L mpi.  Tests that
# need MNIST read it from the folder SHARDNET_DATA.
#
# Exit codes: 0 all tests passed; 1 some failed; 69 packages are missing; 70 the build failed
set -euo pipefail

here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=../jobs/common.sh
. "$here/../jobs/common.sh"

all='' only_asan='' packages=test
while true; do
    case ${1-} in
    -h | --help) print_usage && exit 0 ;;
    --all) all=-all packages=all ;;
    --asan) only_asan=1 ;;
    *) break ;;
    esac
    shift
done

if [ -n "${SHARDNET_DATA-}" ]; then
    SHARDNET_DATA=$(absolute "$SHARDNET_DATA")
    export SHARDNET_DATA
fi
allow_mpirun_as_root
allow_oversubscription
# or MPI jobs that run side by side are all bound to the first cores
export OMPI_MCA_hwloc_base_binding_policy=none
export LSAN_OPTIONS=suppressions=$source_root/tests/support/lsan.supp:print_suppressions=0
# full stacks, or a leak below a function without frame pointer has no library's name
export ASAN_OPTIONS=fast_unwind_on_malloc=0
export UBSAN_OPTIONS=print_stacktrace=1

# print_skipped PRESET: tests, or parts of them, that did not run, by CTest's log.  A test
# prints "skipped: REASON" where a package or root is missing, and "unavailable: REASON"
# where nothing can be installed; cmocka lists a skipped function without a reason.
print_skipped() {
    awk -v preset="$1" '
        /^[0-9]+\/[0-9]+ Test: / { test = $NF; reasons = 0 }
        /^(skipped|unavailable): / {
            kind = $1; sub(/^[^ ]* /, ""); reasons++
            print kind, preset, test ": " $0
        }
        /^\[ RUN / { reasons = 0 }
        /^\[  SKIPPED \] / && $NF != "below:" && !seen[test, $NF]++ && !reasons {
            print "skipped:", preset, test ": " $NF " gives no reason"
        }' "$source_root/build/$1/Testing/Temporary/LastTest.log"
}

# can_install: true where jobs/setup.sh installs every package, and all tests may run
can_install() {
    command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ]
}

# run_tests BUILD TEST-PRESET CTEST-ARGUMENT...
run_tests() {
    local preset=$1 tests=$2 begun=$SECONDS skipped
    shift 2
    say "building preset $preset"
    build "$preset"
    say "testing preset $preset, $((SECONDS - begun)) s after the start of its build"
    # tests count quarters of a core; an eighth more, because they also wait
    (cd -- "$source_root" && ctest --preset "$tests" -j $((9 * $(processors) / 2)) "$@") || failed=1
    skipped=$(print_skipped "$preset")
    if [ -n "$skipped" ]; then
        say "skipped in preset $preset: $(wc -l <<<"$skipped")"
        printf '%s\n' "$skipped"
    fi
    if [ -n "$all" ] && can_install && grep -q '^skipped:' <<<"$skipped"; then
        say "failed: with --all, no test may be skipped because a package or root is missing"
        failed=1
    fi
    say "preset $preset: $((SECONDS - begun)) s"
}

"$source_root/jobs/setup.sh" "$packages"

failed=0
if [ -z "$only_asan" ]; then
    run_tests dev "dev$all" "$@"
    if [ -n "$all" ]; then
        run_tests asan asan -L '^(unit|mpi|fuzz)$' --no-tests=ignore "$@"
        run_tests tsan tsan -L '^threads$' --no-tests=ignore "$@"
    fi
else
    run_tests asan asan "$@"
fi
exit "$failed"
