#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# File systems that cannot lock files: a run trains, is resumed, verified and followed with one
# warning per start, and a second job in its folder is refused.  A job stops if another job has
# taken its folder over.
#
#     tests/fault/locks.sh PROGRAM LIBRARY
#
# LIBRARY is the preloaded library of tests/support/fail_files.c.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$1"
library=$(absolute "$2")
shared=$scratch

write_config "$shared/small.ini" data.source=synthetic data.train_limit=200 data.validation=50 \
    model.hidden=8 train.epochs=3 train.batch=50 metrics.every_steps=1
write_config "$shared/long.ini" data.source=synthetic data.train_limit=200 data.validation=50 \
    model.hidden=8 train.epochs=1000000 train.batch=50 train.eval_every=1000000 \
    train.report_every=1000000 checkpoint.every_epochs=0 checkpoint.every_steps=10 checkpoint.keep=2

# unlocked ERRNO: sets $locks, which lets each lock in this folder fail; the environment requests locks of HDF5
unlocked() {
    locks=(env "FAIL_FOLDER=$PWD" FAIL_KIND=nolock "FAIL_AT=$1" "LD_PRELOAD=$library" HDF5_USE_FILE_LOCKING=TRUE)
}

warned_once() {
    [ "$(grep -c 'cannot lock files' err)" -eq 1 ] || wrong "not one warning that files cannot be locked"
}

# begin RUN ARGUMENT...: starts a run without end, until its first checkpoint is there
begin() {
    start 0 env SHARDNET_FAULT=step.slow "${locks[@]}" "$program" train "$shared/long.ini" --out "$1" --resume "${@:2}"
    wait_for_checkpoint "$1"
}

# second CODE COMMAND...: a second job beside the first; its output in second
second() {
    local code=0
    timeout "$limit" "${@:2}" >second 2>&1 || code=$?
    [ "$code" -eq "$1" ] || wrong "exit code $code of the second job instead of $1: $(cat second)"
}

# stop CODE: the run in the background ends with this exit code
stop() {
    kill -USR1 "$job" 2>/dev/null || true
    finish
    [ "$code" -eq "$1" ] || wrong "exit code $code of the first job instead of $1"
}

whole() {
    unlocked "$1"
    "${locks[@]}" timeout "$limit" "$program" metrics run --csv --follow >followed 2>follow.err &
    expect_exit 75 "${locks[@]}" "$program" train "$shared/small.ini" --out run --set train.max_steps=4
    warned_once
    expect_exit 0 "${locks[@]}" "$program" train "$shared/small.ini" --out run --resume
    warned_once
    expect_text out '^resume '
    expect_no_text err 'continues the run'
    wait $! || wrong "metrics --follow ends with $?"
    [ "$(wc -l <followed)" -eq 4 ] || wrong "metrics --follow prints other rows: $(cat followed)"
    expect_exit 0 "${locks[@]}" "$program" verify run
    expect_exit 0 "${locks[@]}" "$program" eval run
    expect_exit 0 "${locks[@]}" "$program" inspect "$(newest_checkpoint run)"
    checked "errno $1 of every lock: trained, resumed, followed, verified, evaluated; one warning per start"
}

second_job() {
    unlocked "$1"
    begin run
    second 75 "${locks[@]}" "$program" status run
    grep -q 'process [0-9]' second || wrong "status does not name the job: $(cat second)"
    second 73 "${locks[@]}" "$program" train "$shared/long.ini" --out run --resume
    grep -Eq '^shardnet: error: .*locked by process [0-9]+ on .*, which is running' second ||
        wrong "the second job prints: $(cat second)"
    stop 75
    warned_once
    checked "errno $1: a second job is noticed, exit 73"
}

killed_job() {
    unlocked 37
    begin run
    kill -9 "$job"
    finish
    expect_exit 75 "${locks[@]}" "$program" train "$shared/long.ini" --out run --resume --set train.max_steps=5
    expect_text err '^shardnet: warning: .*no heartbeat of process [0-9]+ on .* continues the run'
    warned_once
    checked "the run of a killed job is taken over when its heartbeat is silent"
}

stopped_while_waiting() {
    local other
    locks=()
    begin run
    "$program" train "$shared/long.ini" --out run --resume >second.out 2>second.err &
    other=$!
    wait_until "the second job does not wait" grep -q 'waiting until it ends' second.err
    kill -USR1 $other
    code=0
    wait $other || code=$?
    [ "$code" -eq 75 ] || wrong "exit code $code of the second job instead of 75"
    grep -q '^shardnet: stopped early on request: run (run) was locked by' second.err ||
        wrong "the second job prints: $(cat second.err)"
    stop 75
    checked "a signal ends the wait for the lock, exit 75"
}

# stop_idle_writer RUN: stops the job soon after a checkpoint, unless it is writing a file or
# removing older checkpoints
stop_idle_writer() {
    local files
    kill -STOP "$job"
    wait_until "the job does not stop" is_stopped "$job"
    files=$(find "$1" -name '*.tmp' -o -name 'step-*.h5')
    if [[ $files != *.tmp* ]] && [ "$(wc -l <<<"$files")" -le 2 ] &&
        [ -n "$(find "$1" -name 'step-*.h5' -newerct '1 second ago')" ]; then return 0; fi
    kill -CONT "$job"
    return 1
}

moved() {
    locks=()
    begin run --set checkpoint.every_steps=30 # three seconds pass before the next write
    wait_until "the writer is not idle" stop_idle_writer run
    mv run gone # a job that is not stopped makes the folder again in between
    second 0 "$program" train "$shared/small.ini" --out run
    cp -r run kept
    kill -CONT "$job"
    finish
    [ "$code" -eq 74 ] || wrong "exit code $code of the first job instead of 74"
    expect_text err '^shardnet: error: run \(run\): taken over by .*; this job writes nothing more'
    [ "$(grep -c '^shardnet: error' err)" -eq 1 ] || wrong "not one error line"
    diff -r run kept >out || wrong "the first job has changed the other job's files"
    expect_exit 0 "$program" train "$shared/long.ini" --out gone --resume --set train.max_steps=1 --set train.epochs=1
    checked "another job in the place of the moved folder: exit 74, nothing written"
}

apart second_job 38
apart second_job 524
apart killed_job
for error in 37 95 524 38; do # ENOLCK, EOPNOTSUPP, ENOTSUPP of the kernel, ENOSYS
    apart whole $error
done
apart stopped_while_waiting
apart moved
together
