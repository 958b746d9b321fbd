#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# kill -9 at random moments, also inside a checkpoint's write, then --resume on a random
# number of ranks: with reproducible sums the last parameters are those of the
# uninterrupted run, byte for byte, and no run is lost.
#
#     torture.sh PROGRAM [ROUNDS [SEED]]
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$1"
rounds=${2-15}
RANDOM=${3-$$}
cd -- "$scratch"

write_config run.ini data.source=synthetic data.train_limit=3000 data.validation=200 \
    model.hidden="32, 16" model.dropout_hidden=0.2 optimizer.schedule=cosine train.epochs=12 \
    train.batch=50 comm.reduce=reproducible comm.leaves=4 checkpoint.every_steps=3 metrics.every_steps=1
expect_mpi_exit 0 2 "$program" train run.ini --out whole

# The ranks of the job, not mpirun itself.
ranks_of_job() {
    children_of "$job"
}

# Ranks that outlive mpirun for a moment must not write beside the next start.
wait_for_ranks() {
    local end=$((SECONDS + 20)) pid
    for pid in "$@"; do
        while kill -0 "$pid" 2>/dev/null; do
            ((SECONDS < end)) || { kill -9 "$pid" 2>/dev/null || true; }
            sleep 0.05
        done
    done
}

strike() {
    local victims
    mapfile -t victims < <(ranks_of_job)
    case $1 in
    job) kill_tree "$job" ;;
    rank) [ ${#victims[@]} -eq 0 ] || kill -9 "${victims[RANDOM % ${#victims[@]}]}" 2>/dev/null || true ;;
    mpirun) kill -9 "$job" 2>/dev/null || true ;;
    esac
    finish
    wait_for_ranks "${victims[@]}"
}

check_end() {
    same_parameters "$(newest_checkpoint whole)" "$(newest_checkpoint "$1")"
    same_parameters whole/checkpoints/best.h5 "$1/checkpoints/best.h5"
    table whole epochs epoch step train_loss validation_error >a.csv
    table "$1" epochs epoch step train_loss validation_error >b.csv
    cmp a.csv b.csv || wrong "the epochs of $1 differ from the uninterrupted run's"
    [ "$(table "$1" steps step | tail -n +2 | sort -n | uniq | wc -l)" -eq "$(table whole steps step | tail -n +2 | wc -l)" ] ||
        wrong "steps are missing in $1 or stand there twice"
}

ways=(job rank mpirun)
run=1 kills=0 ends=0 struck=
while ((kills < rounds)); do
    ranks=$((RANDOM % 4 + 1))
    how=${ways[RANDOM % 3]}
    start $ranks "$program" train run.ini --out "run-$run" --resume
    end=$((SECONDS + limit))
    until grep -q '^model' out 2>/dev/null || ! kill -0 "$job" 2>/dev/null; do
        ((SECONDS < end)) || wrong "the run did not begin"
        sleep 0.01
    done
    sleep "0.$(printf '%03d' $((RANDOM % 600)))"
    if kill -0 "$job" 2>/dev/null; then
        strike "$how"
        kills=$((kills + 1))
        struck="$struck $how:$ranks"
    else
        finish
        [ "$code" -eq 0 ] || wrong "exit code $code of run-$run on $ranks ranks"
        check_end "run-$run"
        ends=$((ends + 1))
        run=$((run + 1))
    fi
done
expect_mpi_exit 0 2 "$program" train run.ini --out "run-$run" --resume
check_end "run-$run"
checked "$kills kills (what:ranks$struck), $((ends + 1)) runs ended with the bytes of the uninterrupted one"
