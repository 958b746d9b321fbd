#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Builds and runs the tests; installs what they need and is missing.
#
#     tests/run.sh [--quick|--asan] [CTEST ARGUMENT...]
#
# All tests of the preset dev, then those labelled unit, mpi and fuzz once more under
# AddressSanitizer and UndefinedBehaviorSanitizer (preset asan).
#     --quick  the first half only
#     --asan   every test, only under the sanitizers
# CTest's arguments narrow both, for example -R resume or -L mpi.  Tests that need MNIST take
# it from the folder SHARDNET_DATA and are skipped where that is not set.
set -euo pipefail

here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source=../jobs/common.sh
. "$here/../jobs/common.sh"

plan=both
case ${1-} in
-h | --help) print_usage && exit 0 ;;
--quick) plan=dev && shift ;;
--asan) plan=asan && shift ;;
esac

if [ -n "${SHARDNET_DATA-}" ]; then
    SHARDNET_DATA=$(absolute "$SHARDNET_DATA")
    export SHARDNET_DATA
fi
jobs=$((2 * $(processors))) # tests count in halves of a core
allow_mpirun_as_root
allow_oversubscription
# containers forbid one process to read another's memory
export OMPI_MCA_btl_vader_single_copy_mechanism=none
if ((jobs > 4)); then
    # or MPI jobs that run side by side would all be bound to the first cores
    export OMPI_MCA_hwloc_base_binding_policy=none
fi
export LSAN_OPTIONS=suppressions=$source_root/tests/support/lsan.supp:print_suppressions=0
# full stacks, or a leak below a function without frame pointer has no library's name
export ASAN_OPTIONS=fast_unwind_on_malloc=0
export UBSAN_OPTIONS=print_stacktrace=1

# Names and reasons of the skipped tests of a preset, from CTest's log.
print_skipped() {
    local log=$source_root/build/$1/Testing/Temporary/LastTest.log
    if [ -e "$log" ]; then
        sed -n -e 's/^[0-9]*\/[0-9]* Test: //' -e 't name' -e 's/^skipped: //' -e 't reason' \
            -e b -e ':name' -e h -e b -e ':reason' -e G \
            -e 's/\(.*\)\n\(.*\)/skipped: \2: \1/p' "$log"
    fi
}

# run_tests PRESET CTEST-ARGUMENT...
run_tests() {
    local preset=$1 code=0
    shift
    say "building preset $preset"
    build "$preset"
    say "testing preset $preset"
    (cd -- "$source_root" && ctest --preset "$preset" -j "$jobs" "$@") || code=1
    print_skipped "$preset"
    return "$code"
}

"$source_root/jobs/setup.sh" test

failed=0
if [ "$plan" != asan ]; then
    run_tests dev "$@" || failed=1
fi
if [ "$plan" = both ]; then
    run_tests asan -L '^(unit|mpi|fuzz)$' --no-tests=ignore "$@" || failed=1
elif [ "$plan" = asan ]; then
    run_tests asan "$@" || failed=1
fi
exit "$failed"
