#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every file operation of a small run fails in turn: once with EIO, for good with ENOSPC, or
# the process is killed at it.  The run ends with 0, 73 or 74 and at most one error, and
# --resume gives the checkpoints and the rows of the undisturbed run.
#
#     tests/fault/files.sh PROGRAM LIBRARY STRIDE [KIND NUMBER]
#
# LIBRARY is the preloaded library of tests/support/fail_files.c.  KIND is eio, enospc or kill.
# An operation that only reads fails once with EIO; ENOSPC and a kill are tried at those that
# write.  Every STRIDEth case is tried; KIND and NUMBER repeat one case.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$1"
library=$(absolute "$2") stride=$3
cd -- "$scratch"

write_config small.ini data.source=synthetic data.train_limit=200 data.validation=50 \
    model.hidden=8 train.epochs=3 train.batch=50 metrics.every_steps=1
training=("$program" train small.ini --quiet)

# rows RUN: prints all rows of metrics without measured times
rows() {
    "$program" metrics "$1" --csv --table epochs | cut -d, -f 1-10
    "$program" metrics "$1" --csv --table steps | cut -d, -f 1-5
    "$program" metrics "$1" --csv --table ranks | cut -d, -f 1-3
}

# disturbed KIND NUMBER RUN: trains; operation NUMBER fails
disturbed() {
    timeout "$limit" env FAIL_FOLDER="$PWD/$3" FAIL_KIND="$1" FAIL_AT="$2" FAIL_LOG="$3.log" \
        LD_PRELOAD="$library" "${training[@]}" --out "$3" >"$3.out" 2>"$3.err"
}

# try KIND NUMBER: prints a line if the case goes wrong
try() {
    local run=$1-$2 code=0 errors
    disturbed "$1" "$2" "$run" || code=$?
    case $1-$code in
    *-0 | *-73 | *-74) ;;
    kill-137) ;;
    *) echo "$1 $2: exit code $code: $(tail -n 1 "$run.err")" ;;
    esac
    errors=$(grep -c '^shardnet: error' "$run.err") || true
    if ((errors > 1)) || { ((code == 73 || code == 74)) && ((errors != 1)); }; then
        echo "$1 $2: exit code $code with $errors error lines"
    fi
    code=0
    timeout "$limit" "${training[@]}" --resume --out "$run" >"$run.out" 2>"$run.err" || code=$?
    if ((code != 0)); then
        echo "$1 $2: --resume ends with $code: $(tail -n 1 "$run.err")"
    elif ! "$program" diff whole "$run" | tail -n 1 | grep -qx identical; then
        echo "$1 $2: the resumed run has another checkpoint"
    elif ! "$program" diff whole/checkpoints/best.h5 "$run/checkpoints/best.h5" | tail -n 1 | grep -qx identical; then
        echo "$1 $2: the resumed run has another best.h5"
    elif ! rows "$run" | cmp -s - whole.rows; then
        echo "$1 $2: the resumed run has other rows: $(rows "$run" | diff whole.rows - | head -n 3 | tr '\n' ' ')"
    fi
    rm -rf -- "$run" "$run".*
}

disturbed none 0 whole || wrong "the undisturbed run fails: $(cat whole.err)"
rows whole >whole.rows
[ "$(grep -c writes whole.log)" -gt 40 ] || wrong "only $(grep -c writes whole.log) operations that write"
[ "$(wc -l <whole.rows)" -eq $((1 + 3 + 1 + 9 + 1 + 3)) ] || wrong "other rows: $(cat whole.rows)"
if [ $# -gt 3 ]; then
    try "$4" "$5"
    exit
fi

# worker FIRST: tries every second case of the list
worker() {
    awk -v first="$1" 'NR % 2 == first' cases | while read -r kind number; do
        try "$kind" "$number"
    done >"wrong-$1" 2>"killed-$1" # bash reports killed processes there
}
awk '{ print "eio", $1 } $3 == "writes" { print "enospc", $1; print "kill", $1 }' whole.log |
    awk -v stride="$stride" 'NR % stride == 0' >cases
worker 0 &
worker 1
wait $!
cat wrong-0 wrong-1 >out
[ ! -s out ] || wrong "$(wc -l <out) cases of $(wc -l <cases) go wrong"
checked "$(wc -l <cases) cases of $(wc -l <whole.log) file operations: EIO, ENOSPC, kill"
