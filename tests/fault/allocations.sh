#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every allocation of the program's own code fails in turn, on rank 0 or on the last rank:
# this one alone, or this one and all later ones; in a new run and in one that resumes.  The
# run ends with 0, 70 or 74 and at most one error, and --resume gives the checkpoints and the
# rows of the undisturbed run.
#
#     tests/fault/allocations.sh PROGRAM LIBRARY STRIDE ["START RANK KIND NUMBER"]
#
# LIBRARY is the preloaded library of tests/support/fail_allocations.c.  START is new or
# resumed, KIND is once or on.
set -euo pipefail
# shellcheck source=../lib/disturbed.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/disturbed.sh"
setup_disturbance "$@"
setup_small_run 2
"${training[@]}" --set train.max_steps=5 --out half >half.out 2>half.err ||
    [ $? -eq 75 ] || wrong "the run does not stop at step 5: $(cat half.err)"

# disturbed START RANK KIND NUMBER RUN: trains; allocation NUMBER of RANK fails
disturbed() {
    local resume=()
    if [ "$1" = resumed ]; then
        cp -R half "$5"
        resume=(--resume)
    fi
    timeout "$limit" env FAIL_RANK="$2" FAIL_KIND="$3" FAIL_AT="$4" FAIL_LOG="$5.log" \
        FAIL_LIBRARY="$library" "${training[@]:0:3}" bash -c 'LD_PRELOAD=$FAIL_LIBRARY exec "$@"' \
        - "${training[@]:3}" "${resume[@]}" --out "$5" >"$5.out" 2>"$5.err"
}

# try "START RANK KIND NUMBER" RUN
try() {
    local code=0
    # shellcheck disable=SC2086 # four words
    disturbed $1 "$2" || code=$?
    check_end "$code" "$2" 0 70 74
    check_resumed "$2"
}

for start in new resumed; do
    for rank in 0 1; do
        disturbed $start $rank none 0 counted-$start-$rank || wrong "the undisturbed run fails: $(cat counted-$start-$rank.err)"
        count=$(cat counted-$start-$rank.log)
        ((count > 20)) || wrong "only $count allocations"
        for kind in once on; do
            seq -f "$start $rank $kind %.0f" "$count" >>every-case
        done
    done
done
try_cases '.* once .* 7[04]' '.* on .* 7[04]'
