#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A request to stop, to any one rank, is obeyed within two steps; a second one at once.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

# an epoch is one step, and prints its number when it ends
write_config job.ini data.source=synthetic data.train_limit=600 model.hidden=8 train.epochs=900000 \
    train.batch=600 train.eval_every=1000000 checkpoint.every_epochs=0 checkpoint.every_steps=10
slow=(env SHARDNET_FAULT="step.slow") # a tenth of a second

last_step() {
    sed -n 's/^epoch .* step \([0-9]*\) .*/\1/p' out | tail -n 1
}

saved_step() {
    local file
    file=$(newest_checkpoint "$1")
    file=${file##*step-}
    echo $((10#${file%.h5}))
}

signals=(USR1 HUP XCPU)
for rank in 0 1 2; do
    start 3 "${slow[@]}" "$program" train job.ini --out "one-$rank"
    wait_for '^epoch 3/'
    pid=$(ranks_of_job | sed -n "$((rank + 1))p")
    kill "-${signals[rank]}" "$pid"
    sleep 0.05 # half a step: the launcher has passed on the line of the step before
    before=$(last_step)
    finish
    [ "$code" -eq 75 ] || wrong "exit code $code instead of 75"
    [ "$(grep -c '^shardnet:' err)" -eq 1 ] || wrong "not one line about the end"
    reason="another rank received a signal"
    [ $rank -gt 0 ] || reason=SIG${signals[rank]}
    expect_text err "^shardnet: stopped early on request .*: $reason; checkpoint written; continue with --resume\$"
    after=$(saved_step "one-$rank")
    ((after <= before + 2)) || wrong "signalled after step $before, checkpoint at step $after"
    checked "${signals[rank]} to rank $rank of 3 after step $before: exit 75, checkpoint of step $after"
done

("${slow[@]}" "$program" train job.ini --out piped --set train.epochs=20 2>err || echo $? >piped.code) |
    grep -m 1 '^epoch' >out
[ "$(cat piped.code)" -eq 74 ] || wrong "exit code $(cat piped.code) instead of 74"
expect_text err '^shardnet: error: cannot write to standard output'
expect_exit 0 "$program" verify piped/checkpoints/step-00000020.h5
checked "nobody reads the log any more: trained to the end"

# hang_up WAY ENVIRONMENT...: HUP under nohup, then without
hang_up() {
    rm -rf kept
    : >out
    (
        trap '' HUP
        exec "${slow[@]}" "${@:2}" "$program" train job.ini --out kept --set train.epochs=15 >out 2>err
    ) &
    job=$!
    wait_for '^epoch 3/'
    kill -HUP "$job"
    wait "$job" || wrong "$1: exit code $? instead of 0"
    start 0 "${slow[@]}" "${@:2}" "$program" train job.ini --out kept --resume
    wait_for '^epoch 18/'
    kill -HUP "$job"
    finish
    [ "$code" -eq 75 ] || wrong "$1: exit code $code instead of 75"
    checked "$1: HUP under nohup: trained to the end; without: exit 75"
}

hang_up "no other library"
libraries=$(dirname -- "$program")/tests
if [ -e "$libraries/libtake_hangup.so" ]; then
    hang_up "a library with a handler of its own" LD_PRELOAD="$libraries/libtake_hangup.so"
    for signal in USR1 TERM INT; do
        rm -rf late lingers
        start 0 env LD_PRELOAD="$libraries/liblinger_at_exit.so" "$program" train job.ini --out late \
            --set train.epochs=1
        wait_until "no file 'lingers'" [ -e lingers ]
        kill "-$signal" "$job"
        finish
        [ "$code" -eq 0 ] || wrong "SIG$signal between main and the end: exit code $code instead of 0"
    done
    checked "a signal after main changes no exit code"
else
    lack_part "handlers of other libraries, slow ends: sanitizers permit no preloaded library"
fi

start 3 "${slow[@]}" "$program" train job.ini --out twice
wait_for '^epoch 3/'
kill -USR1 "$job"
for pid in $(ranks_of_job); do # MPICH's mpirun does not pass on USR2
    kill -USR2 "$pid" 2>/dev/null || true # the rank may have ended
done
finish
[ "$code" -eq 75 ] || wrong "exit code $code instead of 75"
expect_text err '^shardnet: stopped early on request'
checked "two signals in one moment: one request"

# in a step that never ends no signal helps but a second SIGINT
start 0 env SHARDNET_FAULT=step.hang@0:14 "$program" train job.ini --out stuck
wait_for '^epoch 14/'
wait_for_checkpoint stuck # a thread writes that of step 10
for signal in USR1 TERM INT; do
    kill "-$signal" "$job"
    sleep 1.5 # the time after which a signal is a second one
    kill -0 "$job" 2>/dev/null || wrong "SIG$signal ended a job that could not write its checkpoint"
done
kill -INT "$job"
finish
[ "$code" -eq 75 ] || wrong "exit code $code instead of 75"
[ "$(grep -c '^shardnet:' err)" -eq 1 ] || wrong "not one line about the end"
expect_text err '^shardnet: stopped at once on a second Ctrl-C: .*--resume$'
expect_exit 0 "$program" verify stuck
expect_mpi_exit 75 2 "$program" train job.ini --out stuck --resume --set train.max_steps=5
expect_text out '^resume .*step 10$'
checked "signals after the first change nothing, a second SIGINT ends the run: exit 75 at once, resumed from the checkpoint before"

begun=$SECONDS
expect_mpi_exit 75 2 "${slow[@]}" SLURM_JOB_END_TIME=$(($(date +%s) + 40)) "$program" train job.ini --out limited
((SECONDS - begun < 40)) || wrong "stopped only after $((SECONDS - begun)) s of 40"
expect_text err '^shardnet: stopped early on request .*: the batch job ends soon; checkpoint written;'
expect_text out '^limit '
expect_exit 75 env SLURM_JOB_END_TIME=$(($(date +%s) - 10)) "$program" train job.ini --out limited \
    --resume --set train.max_steps=50
expect_no_text out '^limit '
checked "the end of the job by SLURM_JOB_END_TIME: stopped before it; one in the past is none"
