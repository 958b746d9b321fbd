#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# kill -9 at random moments, also inside a checkpoint's write, then --resume on a random
# number of ranks: with reproducible reductions the last parameters are those of the
# uninterrupted run, byte for byte, and no run is lost.
#
#     torture.sh PROGRAM [KILLS [SEED]]
#
# The same seed draws the same ranks, victims and delays again.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$1"
kills=${2-15}
seed=${3-$$}
lanes=3
ways=(job rank mpirun)
runs=$scratch # the folder of all runs; each lane has a $scratch of its own
echo "seed $seed"

# a run that only train.max_steps or a kill ends
write_config "$runs/run.ini" data.source=idx data.dir="$runs/data" data.validation=200 \
    model.hidden="32, 16" model.dropout_hidden=0.2 optimizer.schedule=inverse \
    optimizer.decay=0.1 train.epochs=1000000 train.batch=50 comm.reduce=reproducible \
    comm.leaves=4 checkpoint.every_steps=3 metrics.every_steps=1

# Ranks that outlive mpirun for a moment must not write beside the next start.
wait_for_ranks() {
    local end=$((SECONDS + limit)) pid
    for pid in "$@"; do
        while grep -qs '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$pid/status"; do
            ((SECONDS < end)) || wrong "rank $pid outlives its job"
            sleep 0.05
        done
    done
}

# strike job|rank|mpirun: kill -9 of all processes, of one rank, of mpirun alone
strike() {
    local victims
    mapfile -t victims < <(ranks_of_job)
    if [ ${#victims[@]} -eq 0 ] || ! kill -0 "${victims[@]}"; then
        wrong "the job was over before it was killed"
    fi
    case $1 in
    job) kill_tree "$job" ;;
    rank) kill -9 "${victims[RANDOM % ${#victims[@]}]}" ;;
    mpirun) kill -9 "$job" ;;
    esac
    finish
    [ "$code" -gt 128 ] || wrong "exit code $code after kill -9 ($1)"
    expect_no_text out '^time '
    wait_for_ranks "${victims[@]}"
}

# lane NUMBER KILLS: as many kills of one run
lane() {
    local how struck="" writes=0
    RANDOM=$((seed + $1))
    for _ in $(seq "$2"); do
        start $((RANDOM % 4 + 1)) "$program" train "$runs/run.ini" --out "$runs/$1" --resume
        wait_for '^model'
        sleep "0.$(printf '%03d' $((RANDOM % 600)))"
        how=${ways[RANDOM % 3]}
        strike "$how"
        struck="$struck $how"
        writes=$((writes + $(find "$runs/$1" -name '*.tmp' | wc -l)))
    done
    checked "run $1 killed $2 times:$struck; $writes files were being written"
}

# finish_lane NUMBER: to the step where the uninterrupted run stopped
finish_lane() {
    local run=$runs/$1 columns
    RANDOM=$((seed - $1))
    expect_mpi_exit 75 $((RANDOM % 4 + 1)) "$program" train "$runs/run.ini" --out "$run" --resume \
        --set train.max_steps=$((last - $(step_of "$run")))
    same_parameters "$(newest_checkpoint "$runs/whole")" "$(newest_checkpoint "$run")"
    same_parameters "$runs/whole/checkpoints/best.h5" "$run/checkpoints/best.h5"
    for columns in "epochs epoch step train_loss validation_error" "steps step loss error"; do
        # shellcheck disable=SC2086
        table "$runs/whole" $columns >a.csv && table "$run" $columns >b.csv
        cmp a.csv b.csv || wrong "the ${columns%% *} of run $1 differ from the uninterrupted run's"
    done
    checked "run $1 resumed: the bytes of the uninterrupted run after $last steps"
}

run "$program" data synth "$runs/data" --train 3200 --test 100
for ((i = 1; i <= lanes; i++)); do
    apart lane $i $(((kills + lanes - i) / lanes))
done
together

last=60 # an epoch: then there is a best.h5
for ((i = 1; i <= lanes; i++)); do
    step=$(step_of "$runs/$i")
    ((last = step > last ? step : last))
done
((last += 10))
expect_mpi_exit 75 2 "$program" train "$runs/run.ini" --out "$runs/whole" --set train.max_steps=$last
for ((i = 1; i <= lanes; i++)); do
    apart finish_lane $i
done
together
