#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A run stopped or killed at any moment and resumed is the uninterrupted one, bit for bit.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

# no_gap RUN EVERY: /steps has each multiple of EVERY once and in order, /epochs each epoch
no_gap() {
    table "$1" steps step | awk -v every="$2" 'NR > 1 && $1 != every * (NR - 1) { exit 1 }' ||
        wrong "gap or duplicate in the steps of $1"
    table "$1" epochs epoch | awk 'NR > 1 && $1 != NR - 1 { exit 1 }' ||
        wrong "gap or duplicate in the epochs of $1"
}

write_config plain.ini data.source=synthetic data.train_limit=2000 model.hidden=16 \
    train.epochs=3 train.batch=64 metrics.every_steps=1
write_config rich.ini data.source=synthetic data.train_limit=2300 data.validation=300 \
    model.hidden="24, 16" model.activation=relu model.dropout_input=0.2 \
    model.dropout_hidden=0.5 optimizer.momentum_kind=nesterov optimizer.l1=1e-5 \
    optimizer.l2=1e-4 optimizer.schedule=cosine optimizer.warmup_epochs=0.5 train.epochs=3 \
    train.batch=50 checkpoint.every_steps=7 metrics.every_steps=3

# --- stopped in the middle of epoch 2

# 0 ranks: one, without mpirun
for variant in plain:0:45:32 plain:2:45:32 rich:0:57:40 rich:2:57:40; do
    IFS=: read -r config ranks stop steps <<<"$variant"
    whole=$config-$ranks part=$config-$ranks-part
    expect_mpi_exit 0 "$ranks" "$program" train "$config.ini" --out "$whole"
    expect_mpi_exit 75 "$ranks" "$program" train "$config.ini" --out "$part" \
        --set train.max_steps="$stop"
    [ "$(grep -c '^shardnet: ' err)" -eq 1 ] || wrong "not one line about the stop"
    expect_text err '^shardnet: stopped early on request'
    [ "$(newest_checkpoint "$part")" = "$part/checkpoints/step-$(printf %08d "$stop").h5" ] ||
        wrong "no checkpoint at step $stop"
    ((stop > steps && stop < 2 * steps)) || wrong "step $stop is not inside epoch 2"
    expect_mpi_exit 0 "$ranks" "$program" train "$part/config.ini" --out "$part" --resume \
        --set train.max_steps=0
    expect_text out "^resume .*step $stop"
    same_run "$whole" "$part"
    checked "$config, mpirun -n $ranks: stopped after step $stop and resumed"
done
no_gap plain-2-part 1
no_gap rich-2-part 3
checked "no gap and no duplicate in the metrics"

# --- two jobs in one run

start 2 env SHARDNET_FAULT=step.slow "$program" train plain.ini --out shared \
    --set train.max_steps=45
wait_for '^model '
"$mpirun" -n 2 "$program" train plain.ini --out shared --resume >second.out 2>second.err ||
    wrong "exit code $? of the second job"
grep -Eq '^shardnet: warning: run \(shared\): locked by process [0-9]+ on .*; waiting' second.err ||
    wrong "the second job does not say that it waits"
grep -q '^resume .*step 45' second.out || wrong "the second job did not resume at step 45"
finish
[ "$code" -eq 75 ] || wrong "exit code $code of the first job instead of 75"
same_run plain-2 shared
checked "a second job in the same run: waits for the first and continues it"

# --- stopped every few steps, also at the end of an epoch

expect_exit 75 "$program" train plain.ini --out often --set train.max_steps=13
for _ in 1 2 3 4 5 6 7; do
    run "$program" train plain.ini --out often --resume --set train.max_steps=13
    [ "$code" -eq 75 ] || break
done
[ "$code" -eq 0 ] || wrong "exit code $code after eight times 13 steps"
same_run plain-0 often
expect_exit 75 "$program" train plain.ini --out border --set train.max_steps=32
expect_exit 0 "$program" train plain.ini --out border --resume
same_run plain-0 border
checked "stopped every 13 steps; stopped at the end of an epoch"

expect_exit 0 "$program" train plain.ini --out border --resume
same_run plain-0 border
expect_exit 0 "$program" train plain.ini --out resumed-new --resume
same_run plain-0 resumed-new
checked "resume of a finished run changes nothing; resume of nothing starts"

cp plain-0-part/checkpoints/step-00000064.h5 elsewhere.h5
expect_exit 0 "$program" train plain.ini --out branch --resume=elsewhere.h5
same_parameters plain-0/checkpoints/step-00000096.h5 branch/checkpoints/step-00000096.h5
checked "--resume=PATH"

# --- on another number of ranks: the same within rounding

expect_mpi_exit 75 2 "$program" train plain.ini --out moved --set train.max_steps=45
expect_mpi_exit 0 3 "$program" train plain.ini --out moved --resume
no_gap moved 1
paste -d, <(table plain-2 epochs train_loss) <(table moved epochs train_loss) |
    awk -F, 'NR > 1 && ($1 - $2 > 1e-4 * $1 || $2 - $1 > 1e-4 * $1) { exit 1 }' ||
    wrong "another loss on 3 ranks"
checked "stopped on 2 ranks, resumed on 3"

# --- a signal, and kill -9, at a moment that no one chose

write_config long.ini data.source=synthetic data.train_limit=12000 model.hidden=128 \
    model.activation=relu model.dropout_hidden=0.3 train.epochs=8 train.batch=64 checkpoint.every_steps=40 \
    metrics.every_steps=10
expect_mpi_exit 0 2 "$program" train long.ini --out long

start 2 "$program" train long.ini --out signalled
wait_for '^epoch 2/'
kill -USR1 "$job"
finish
[ "$code" -eq 75 ] || wrong "exit code $code instead of 75 after USR1"
expect_text err '^shardnet: stopped early on request'
expect_mpi_exit 0 2 "$program" train long.ini --out signalled --resume
expect_text out '^resume '
same_run long signalled
no_gap signalled 10
checked "USR1 to mpirun: exit 75, and resumed"

start 1 "$program" train long.ini --out terminated
wait_for '^epoch 1/'
rank=$(children_of "$job")
kill -TERM "$rank"
finish
[ "$code" -eq 75 ] || wrong "exit code $code instead of 75 after TERM"
checked "TERM to a rank: exit 75"

# sent while MPI starts, long before there is anything to checkpoint
start 0 "$program" train long.ini --out early
# before it becomes the program, the process is a shell that watches for signals too
until [ "/proc/$job/exe" -ef "$program" ] &&
    [ $((0x$(sed -n 's/^SigCgt:\s*//p' "/proc/$job/status") & 0x200)) -ne 0 ]; do
    kill -0 "$job" 2>/dev/null || wrong "ended before it watched for USR1"
done
[ ! -s out ] || wrong "watches for USR1 only after it has started"
kill -USR1 "$job"
finish
[ "$code" -eq 75 ] || wrong "exit code $code instead of 75 after an early USR1"
expect_mpi_exit 0 2 "$program" train long.ini --out early --resume
checked "USR1 during start-up: exit 75, and resumed"

for moment in '^epoch 1/' '^epoch 3/'; do
    rm -rf killed
    start 2 "$program" train long.ini --out killed
    wait_for "$moment"
    kill_tree "$job"
    finish
    [ "$code" -ne 0 ] || wrong "the job was over before it was killed"
    expect_mpi_exit 0 2 "$program" train long.ini --out killed --resume
    expect_text out '^resume '
    same_run long killed
    no_gap killed 10
    checked "kill -9 of the whole job after '${moment#^}', and resumed"
done
