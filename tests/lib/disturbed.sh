# SPDX-License-Identifier: BSD-3-Clause
# Functions of the tests that disturb a command in many ways, one way per case:
#
#     TEST PROGRAM LIBRARY STRIDE [CASE]
#
# LIBRARY is preloaded.  Every STRIDEth case is tried; CASE repeats one.  The test calls
# setup_disturbance and try_cases, most also setup_small_run, and defines
#
#     try CASE RUN    runs the command, which writes the folder RUN, while CASE disturbs it;
#                     output in RUN.out and RUN.err; prints a line if this goes wrong
#
# shellcheck shell=bash

# shellcheck source=test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/test.sh"

# setup_disturbance "$@": the arguments of the script; the working folder is $scratch then
setup_disturbance() {
    setup_test "$1"
    # shellcheck disable=SC2034 # the test preloads it
    library=$(absolute "$2") stride=$3 only=${4-}
    cd -- "$scratch" || exit
}

# setup_small_run RANKS: sets $training to the command line without --out; RANKS = 0 for no
# mpirun.  "whole" is the undisturbed run, whole.rows its rows
setup_small_run() {
    write_config small.ini data.source=synthetic data.train_limit=200 data.validation=50 \
        model.hidden=8 train.epochs=3 train.batch=50 metrics.every_steps=1 \
        comm.reduce=reproducible
    on_ranks "$1" "$program" train small.ini --quiet
    training=("${words[@]}")
    "${training[@]}" --out whole >whole.out 2>whole.err || wrong "the undisturbed run fails: $(cat whole.err)"
    rows whole >whole.rows
    [ "$(wc -l <whole.rows)" -ge $((1 + 3 + 1 + 9 + 1 + 3)) ] || wrong "other rows: $(cat whole.rows)"
}

# rows RUN: prints all rows of metrics without measured times
rows() {
    "$program" metrics "$1" --csv --table epochs | cut -d, -f 1-10
    "$program" metrics "$1" --csv --table steps | cut -d, -f 1-5
    "$program" metrics "$1" --csv --table ranks | cut -d, -f 1-3
}

# check_end CODE RUN ACCEPTED...: prints a line if the exit code is not one of ACCEPTED, or if
# stderr does not have exactly one error.  After 0, 75 or a signal it may also have none.  The
# function try calls check_end once
check_end() {
    local code=$1 run=$2 errors
    echo "$code" >"$run.code"
    [[ " ${*:3} " == *" $code "* ]] || echo "exit code $code: $(tail -n 1 "$run.err")"
    errors=$(grep -c '^shardnet: error' "$run.err") || true
    if ((errors > 1 || (errors == 0 && code > 0 && code < 128 && code != 75))); then
        echo "exit code $code with $errors error lines"
    fi
}

# check_resumed RUN: continues RUN; prints a line if it ends otherwise than "whole"
check_resumed() {
    local run=$1 code=0
    timeout "$limit" "${training[@]}" --resume --out "$run" >"$run.out" 2>"$run.err" || code=$?
    if ((code != 0)); then
        echo "--resume ends with $code: $(tail -n 1 "$run.err")"
    elif ! "$program" diff whole "$run" >/dev/null; then
        echo "the resumed run has another checkpoint"
    elif ! "$program" diff {whole,"$run"}/checkpoints/best.h5 >/dev/null; then
        echo "the resumed run has another best.h5"
    elif ! rows "$run" | cmp -s - whole.rows; then
        echo "the resumed run has other rows: $(rows "$run" | diff whole.rows - | head -n 3 | tr '\n' ' ')"
    fi
}

# worker FIRST: tries every second case
worker() {
    local line run
    awk -v first="$1" 'NR % 2 == first' cases | while read -r line; do
        run=${line// /-}
        try "$line" "$run" </dev/null | sed "s/^/$line: /"
        echo "$line $(cat "$run.code")" >>"tried-$1"
        rm -rf -- "$run" "$run".*
    done >"wrong-$1" 2>"killed-$1" # bash reports killed processes there
}

# try_cases PATTERN...: tries every STRIDEth line of the file "every-case", or CASE alone, two at
# a time.  Unless CASE is tried, each PATTERN must fit "CASE CODE" of one of them, which
# shows that the library disturbs the command.
try_cases() {
    local pattern
    awk -v stride="$stride" -v only="$only" 'only == "" ? NR % stride == 0 : $0 == only' every-case >cases
    [ -s cases ] || wrong "no case"
    worker 0 &
    worker 1
    wait $!
    cat wrong-0 wrong-1 >out
    [ ! -s out ] || wrong "$(wc -l <out) lines about $(wc -l <cases) cases"
    sed 's/ [0-9]*$//' tried-? | sort | cmp -s - <(sort cases) || wrong "not every case was tried"
    for pattern in "$@"; do
        [ -n "$only" ] || grep -Eqx -- "$pattern" tried-? || wrong "no case ended like '$pattern'"
    done
    checked "$(wc -l <cases) of $(wc -l <every-case) cases"
}
