#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The watchdog on one host: it names a rank that hangs and ends the job with 75; it does
# not end a job that is only slow.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
scratch_in_memory
setup_test "$@"
cd -- "$scratch"

write_config job.ini data.source=synthetic data.train_limit=600 model.hidden=8 train.epochs=900000 \
    train.batch=60 train.eval_every=1000000 checkpoint.every_steps=10 comm.timeout_seconds=3
hung='^shardnet: error: no progress for [0-9]+ s'

# each_ended: 75; MPICH's mpirun kills the other ranks when the first one ends, and returns 9
each_ended() {
    [ "$code" -eq 75 ] || [[ "$code $("$mpirun" --version)" == "9 HYDRA"* ]] ||
        wrong "exit code $code instead of 75"
}

for rank in 0 2; do
    run "$mpirun" -n 3 env SHARDNET_FAULT="step.hang@$rank:14" "$program" train job.ini --out hung-$rank
    each_ended
    expect_text err "$hung \(rank $rank on .*, phase gather, last step 14\): alive.*; last heartbeat: ranks 0-2 now; continue with --resume$"
    [ "$(grep -c '^shardnet:' err)" -eq 1 ] || wrong "not one line about the hang"
    expect_mpi_exit 75 3 "$program" train job.ini --out hung-$rank --resume --set train.max_steps=5
    expect_text out '^resume .*step 10$'
    checked "rank $rank of 3 hangs at work: exit 75, named; resumed"
done

expect_exit 75 env SHARDNET_FAULT=step.hang@0:14 "$program" train job.ini --out alone
expect_text err "$hung \(rank 0 on .*, phase gather, last step 14\): alive but making no progress;"
checked "one rank without mpirun: exit 75"

# a tenth of the times: 3 s in steps, 30 s otherwise
begun=$SECONDS
run "$mpirun" -n 3 env SHARDNET_FAULT="watchdog.hurry,step.hang@2:14" "$program" train job.ini --out auto \
    --set comm.timeout_seconds=auto
each_ended
expect_text err "$hung \(rank 2 on .*, phase gather, last step 14\): alive"
((SECONDS - begun < 20)) || wrong "ended after $((SECONDS - begun)) s: not the time-out of steps"
expect_exit 0 grep -qx 'timeout_seconds = auto' auto/config.ini
checked "auto: a rank hangs after short steps: exit 75 after the time-out of steps"

mkfifo pipe
{ sleep 5 && cat >/dev/null; } <pipe &
expect_exit 0 sh -c 'SHARDNET_FAULT=watchdog.hurry exec "$@" >pipe' - "$program" train job.ini --out held \
    --set comm.timeout_seconds=auto --set train.epochs=2000 --set checkpoint.every_steps=0 --set checkpoint.every_epochs=0
wait
checked "auto: a reader stops for longer than the time-out of steps: training continues"

# no rank receives heartbeats, so every rank decides by itself
run "$mpirun" -n 3 env SHARDNET_FAULT=watchdog.socket,step.hang@1:14 "$program" train job.ini --out no-sockets
each_ended
# any rank may be the first
expect_text err "$hung \((rank [02] on .*, phase reduce|rank 1 on .*, phase gather), last step 14\): \
.*; last heartbeat: ranks ([0-2]) now, none from ranks [0-2][-, ]+[0-2]; "
run "$mpirun" -n 3 env SHARDNET_FAULT=watchdog.socket@0,watchdog.socket@1,step.hang@0:14 "$program" train job.ini --out one-socket
each_ended
checked "a hang without datagrams: exit 75"

for rank in 0 2; do
    expect_one_line_error 70 3 'watchdog: cannot create a thread' \
        env SHARDNET_FAULT="watchdog.thread@$rank" "$program" train job.ini --out none
done
checked "rank 0 or 2 of 3 cannot create the thread: one line, exit 70"

# signal_ranks SIGNAL: sends the signal to all ranks of the job
signal_ranks() {
    local pid
    for pid in $(ranks_of_job); do
        kill "-$1" "$pid"
    done
}

# all_stopped COUNT: the job has this number of ranks, and each of them is stopped
all_stopped() {
    local pid stopped=0
    for pid in $(ranks_of_job); do
        is_stopped "$pid" || return 1
        stopped=$((stopped + 1))
    done
    [ "$stopped" -eq "$1" ]
}

start 2 "$program" train job.ini --out paused
wait_for '^epoch 3/'
signal_ranks STOP
wait_until "not both ranks are stopped" all_stopped 2
sleep 6
all_stopped 2 || wrong "not both ranks have been stopped for 6 s"
step=$(step_of paused)
signal_ranks CONT
wait_for_checkpoint paused $((step + 100))
kill -USR1 "$job"
finish
[ "$code" -eq 75 ] || wrong "exit code $code instead of 75"
expect_text err '^shardnet: stopped early on request'
checked "a whole job stopped for twice the time and continued: training continues"

expect_mpi_exit 0 2 env SHARDNET_FAULT=evaluate.slow@1 "$program" train job.ini --out slow \
    --set train.epochs=1
expect_no_text err "$hung"
checked "an evaluation slower than the time-out: training continues"

# count_threads PID
count_threads() {
    local threads=("/proc/$1/task/"*)
    echo "${#threads[@]}"
}

start 2 "$program" train job.ini --out off --set comm.timeout_seconds=0
wait_for '^epoch 1/'
for rank in $(ranks_of_job); do
    [ "$(cat "/proc/$rank/comm")" = "$(basename "$program")" ] || wrong "another process name"
    count_threads "$rank" >>off.threads
done
kill -USR1 "$job"
finish
start 2 "$program" train job.ini --out on
wait_for '^epoch 1/'
for rank in $(ranks_of_job); do
    count_threads "$rank" >>on.threads
done
kill -USR1 "$job"
finish
[ "$(paste on.threads off.threads | awk '$1 == $2 + 1' | wc -l)" -eq 2 ] ||
    wrong "threads with and without: $(paste on.threads off.threads)"
checked "comm.timeout_seconds=0: no watchdog"
