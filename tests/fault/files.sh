#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every file operation of a small run fails in turn: once with EIO, for good with ENOSPC, or
# the process is killed at it; in a new folder, and in one that holds the metrics of an
# earlier run.  The run ends with 0, 73 or 74 and at most one error, the earlier metrics are
# not lost, and --resume gives the checkpoints and the rows of the undisturbed run.
#
#     tests/fault/files.sh PROGRAM LIBRARY STRIDE ["START KIND NUMBER"]
#
# LIBRARY is the preloaded library of tests/support/fail_files.c.  START is new or over, KIND
# is eio, enospc or kill.  An operation that only reads fails once with EIO; ENOSPC and a kill
# are tried at those that write.
set -euo pipefail
# shellcheck source=../lib/disturbed.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/disturbed.sh"
setup_disturbance "$@"
setup_small_run 0

"${training[@]}" --set train.seed=2 --set train.epochs=1 --out earlier >earlier.out
rows earlier >earlier.rows
rm -r earlier/checkpoints

# disturbed START KIND NUMBER RUN: trains, one step over an earlier run; operation NUMBER fails
disturbed() {
    local until=()
    if [ "$1" = over ]; then
        cp -R earlier "$4"
        until=(--set train.max_steps=1)
    fi
    timeout "$limit" env FAIL_FOLDER="$PWD/$4" FAIL_KIND="$2" FAIL_AT="$3" FAIL_LOG="$4.log" \
        LD_PRELOAD="$library" "${training[@]}" "${until[@]}" --out "$4" >"$4.out" 2>"$4.err"
}

# check_earlier RUN: prints a line if the metrics of the earlier run are lost
check_earlier() {
    local file
    for file in "$1"/metrics.h5*; do
        if rows "$file" | cmp -s - earlier.rows; then return; fi
    done
    echo "the rows of the earlier run are lost"
}

# try "START KIND NUMBER" RUN
try() {
    local code=0
    # shellcheck disable=SC2086 # three words
    disturbed $1 "$2" || code=$?
    case $1 in
    new\ kill*) check_end "$code" "$2" 0 73 74 137 ;;
    over\ kill*) check_end "$code" "$2" 73 74 75 137 ;;
    new*) check_end "$code" "$2" 0 73 74 ;;
    over*) check_end "$code" "$2" 73 74 75 ;;
    esac
    if [[ $1 == over* ]]; then check_earlier "$2"; fi
    check_resumed "$2"
}

for start in new over; do
    disturbed $start none 0 counted-$start || [ $start-$? = over-75 ] ||
        wrong "the undisturbed run fails: $(cat counted-$start.err)"
    [ "$(grep -c writes counted-$start.log)" -gt 20 ] ||
        wrong "only $(grep -c writes counted-$start.log) operations that write"
    awk -v start="$start" '{ print start, "eio", $1 }
        $3 == "writes" { print start, "enospc", $1; print start, "kill", $1 }' counted-$start.log >>every-case
done
sort -s -k 2,2 -o every-case every-case # every STRIDEth case of each kind is tried
try_cases '.* eio .* 7[34]' '.* enospc .* 7[34]' '.* kill .* 137'
