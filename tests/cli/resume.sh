#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A run stopped or killed at any moment and resumed is the uninterrupted one, bit for bit.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
runs=$scratch # the folder of all runs; each check has a $scratch of its own

# expect_train CODE RANKS CONFIG RUN ARGUMENT...; 0 ranks: one, without mpirun
expect_train() {
    expect_mpi_exit "$1" "$2" "$program" train "$runs/$3.ini" --out "$runs/$4" "${@:5}"
}

# no_gap RUN EVERY: /steps has each multiple of EVERY once and in order, /epochs each epoch
no_gap() {
    table "$1" steps step | awk -v every="$2" 'NR > 1 && $1 != every * (NR - 1) { bad = 1 }
        END { exit bad || NR < 2 }' ||
        wrong "gap or duplicate in the steps of $1"
    table "$1" epochs epoch | awk 'NR > 1 && $1 != NR - 1 { bad = 1 } END { exit bad || NR < 2 }' ||
        wrong "gap or duplicate in the epochs of $1"
}

# few test images: those of data.source=synthetic take more time than the training here
in_scratch expect_exit 0 "$program" data synth "$runs/data" --train 2300 --test 100
write_config "$runs/plain.ini" data.source=idx data.dir="$runs/data" data.train_limit=2000 model.hidden=16 \
    train.epochs=3 train.batch=64 metrics.every_steps=1
write_config "$runs/rich.ini" data.source=idx data.dir="$runs/data" data.validation=300 \
    model.hidden="24, 16" model.activation=relu model.dropout_input=0.2 \
    model.dropout_hidden=0.5 optimizer.momentum_kind=nesterov optimizer.l1=1e-5 \
    optimizer.l2=1e-4 optimizer.schedule=cosine optimizer.warmup_epochs=0.5 train.epochs=3 \
    train.batch=50 checkpoint.every_steps=7 metrics.every_steps=3
# a run that only a signal or train.max_steps ends
write_config "$runs/endless.ini" data.source=idx data.dir="$runs/data" model.hidden=64 \
    model.activation=relu model.dropout_hidden=0.3 optimizer.schedule=inverse \
    optimizer.decay=0.1 train.epochs=1000000 train.batch=64 checkpoint.every_steps=40 \
    metrics.every_steps=10

# --- stopped in the middle of epoch 2

# in_epoch_2 CONFIG RANKS STOP STEPS-PER-EPOCH METRICS-EVERY
in_epoch_2() {
    local whole=$1-$2 part=$1-$2-part
    expect_train 0 "$2" "$1" "$whole"
    expect_train 75 "$2" "$1" "$part" --set train.max_steps="$3"
    [ "$(grep -c '^shardnet: ' err)" -eq 1 ] || wrong "not one line about the stop"
    expect_text err '^shardnet: stopped early on request'
    [ "$(step_of "$runs/$part")" -eq "$3" ] || wrong "no checkpoint at step $3"
    (($3 > $4 && $3 < 2 * $4)) || wrong "step $3 is not inside epoch 2"
    expect_mpi_exit 0 "$2" "$program" train "$runs/$part/config.ini" --out "$runs/$part" \
        --resume --set train.max_steps=0
    expect_text out "^resume .*step $3"
    same_run "$runs/$whole" "$runs/$part"
    no_gap "$runs/$part" "$5"
    checked "$1, mpirun -n $2: stopped after step $3 and resumed, without a gap in the metrics"
}
apart in_epoch_2 plain 0 45 32 1
apart in_epoch_2 plain 2 45 32 1
apart in_epoch_2 rich 0 57 40 3
apart in_epoch_2 rich 2 57 40 3

# --- a signal, and kill -9, in the middle of an endless run

# interrupted RUN MOMENT: an endless run on 2 ranks, killed then, or stopped by USR1 to mpirun
interrupted() {
    start 2 "$program" train "$runs/endless.ini" --out "$runs/$1"
    wait_for "$2"
    wait_for_checkpoint "$runs/$1"
    if [ "$1" = signalled ]; then
        kill -USR1 "$job"
        finish
        [ "$code" -eq 75 ] || wrong "exit code $code instead of 75 after USR1"
        expect_text err '^shardnet: stopped early on request'
    else
        kill -0 "$job" || wrong "the job was over before it was killed"
        kill_tree "$job"
        finish
        [ "$code" -eq 137 ] || wrong "exit code $code of a killed job instead of 137"
        expect_no_text out '^time '
    fi
}
apart interrupted signalled '^epoch 2/'
apart interrupted killed-1 '^epoch 1/'
apart interrupted killed-3 '^epoch 3/'

terminated() {
    start 1 "$program" train "$runs/endless.ini" --out "$runs/terminated"
    wait_for '^epoch 1/'
    kill -TERM "$(ranks_of_job)"
    finish
    [ "$code" -eq 75 ] || wrong "exit code $code instead of 75 after TERM"
    checked "TERM to a rank: exit 75"
}
apart terminated

# The signal arrives while MPI starts, long before there is anything to checkpoint.
early() {
    local end
    for _ in {1..5}; do # a busy machine can stop this loop for longer than the start takes
        end=$((SECONDS + limit))
        start 0 "$program" train "$runs/endless.ini" --out "$runs/early"
        # before it becomes the program, the process is a shell that watches for signals too
        until [ "/proc/$job/exe" -ef "$program" ] &&
            [ $((0x$(sed -n 's/^SigCgt:\s*//p' "/proc/$job/status") & 0x200)) -ne 0 ]; do
            ((SECONDS < end)) && kill -0 "$job" 2>/dev/null || wrong "does not watch for USR1"
        done
        [ -s out ] || break
        kill_tree "$job"
        finish
        rm -rf -- "$runs/early"
    done
    [ ! -s out ] || wrong "watches for USR1 only after it has started"
    kill -USR1 "$job"
    finish
    [ "$code" -eq 75 ] || wrong "exit code $code instead of 75 after an early USR1"
    expect_train 75 2 endless early --resume --set train.max_steps=5
    expect_text out '^resume '
    checked "USR1 during start-up: exit 75, and resumed"
}
apart early
together

# --- the interrupted runs resumed; two jobs in one run; stops everywhere; other ranks

last=0
for run in signalled killed-1 killed-3; do
    step=$(step_of "$runs/$run")
    ((last = step > last ? step : last))
done
((last += 60))
in_scratch expect_train 75 2 endless endless --set train.max_steps=$last

# continued RUN: until the last step, as the uninterrupted run
continued() {
    expect_train 75 2 endless "$1" --resume --set train.max_steps=$((last - $(step_of "$runs/$1")))
    expect_text out '^resume '
    same_run "$runs/endless" "$runs/$1"
    no_gap "$runs/$1" 10
    checked "$1, and resumed: as the uninterrupted run after $last steps"
}
for run in signalled killed-1 killed-3; do
    apart continued $run
done

two_jobs() {
    local second rank run=$runs/shared
    start 2 env SHARDNET_FAULT=step.slow "$program" train "$runs/plain.ini" --out "$run"
    wait_for '^model '
    for rank in $(ranks_of_job); do
        kill -STOP "$rank" # the first job cannot end before the second one waits
    done
    "$mpirun" -n 2 "$program" train "$runs/plain.ini" --out "$run" --resume \
        >second.out 2>second.err &
    second=$!
    wait_until "the second job does not wait" \
        grep -Eq "^shardnet: warning: run \($run\): locked by process [0-9]+ on .*; waiting" second.err
    for rank in $(ranks_of_job); do
        kill -CONT "$rank"
    done
    kill -USR1 "$job"
    finish
    [ "$code" -eq 75 ] || wrong "exit code $code of the first job instead of 75"
    wait $second || wrong "exit code $? of the second job: $(cat second.err)"
    grep -Eq '^resume .*step [1-9]' second.out || wrong "the second job did not resume"
    same_run "$runs/plain-2" "$run"
    checked "a second job in the same run: waits for the first and continues it"
}
apart two_jobs

often() {
    expect_train 75 0 plain often --set train.max_steps=13
    for _ in 1 2 3 4 5 6 7; do
        run "$program" train "$runs/plain.ini" --out "$runs/often" --resume --set train.max_steps=13
        [ "$code" -eq 75 ] || break
    done
    [ "$code" -eq 0 ] || wrong "exit code $code after eight times 13 steps"
    same_run "$runs/plain-0" "$runs/often"
    checked "stopped every 13 steps"
}
apart often

at_the_border() {
    expect_train 75 0 plain border --set train.max_steps=32
    expect_train 0 0 plain border --resume
    same_run "$runs/plain-0" "$runs/border"
    checked "stopped at the end of an epoch"
    expect_train 0 0 plain border --resume
    same_run "$runs/plain-0" "$runs/border"
    expect_train 0 0 plain resumed-new --resume
    same_run "$runs/plain-0" "$runs/resumed-new"
    checked "resume of a finished run changes nothing; resume of nothing starts"

    cp "$runs/plain-0-part/checkpoints/step-00000064.h5" elsewhere.h5
    expect_train 0 0 plain branch --resume=elsewhere.h5
    expect_text out '^resume .*elsewhere.*step 64'
    same_parameters "$runs"/{plain-0,branch}/checkpoints/step-00000096.h5
    checked "--resume=PATH"
}
apart at_the_border

# the same within rounding
other_ranks() {
    expect_train 75 2 plain moved --set train.max_steps=45
    expect_train 0 3 plain moved --resume
    no_gap "$runs/moved" 1
    same_loss "$runs/plain-2" "$runs/moved"
    checked "stopped on 2 ranks, resumed on 3"
}
apart other_ranks
together
