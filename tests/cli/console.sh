#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# train prints epochs counted from 1, the reason of every end, the line of a step on a terminal,
# large numbers with four digits, and a warning about more ranks than cores.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

write_config small.ini data.source=synthetic data.train_limit=600 data.validation=100 model.hidden=16 \
    optimizer.learning_rate=2.9 train.epochs=8 train.batch=50

# ends PATTERN: the last command printed this reason
ends() {
    [ "$(grep -c '^end  ' out)" -eq 1 ] || wrong "not one line about the end"
    expect_text out "^end      $1\$"
}

# stops STEP EPOCH ARGUMENT...: max_steps ends the run after STEP, which belongs to EPOCH
stops() {
    expect_exit 75 "$program" train small.ini --out stop "${@:3}"
    expect_text err "^shardnet: stopped early on request \(epoch $2, step $1\): train\.max_steps = [0-9]+; checkpoint written; continue with --resume\$"
    expect_exit 0 "$program" eval stop --checkpoint last
    expect_text out ": epoch $2, step $1\$"
    expect_exit 0 "$program" verify "$(newest_checkpoint stop)"
    expect_text out ": epoch $2, step $1,"
}

stops 4 1 --set train.max_steps=4
stops 10 1 --set train.max_steps=6 --resume
stops 11 2 --set train.max_steps=1 --resume
expect_text out '^good '
expect_exit 0 "$program" train small.ini --out stop --resume --set train.epochs=2
expect_text out '^resume .*: epoch 2, step 11$'
expect_text out '^epoch 2/2  step 20 '
ends 'finished epoch 2 of 2'
checked "epochs count from 1: stop, resume, eval, verify"

expect_exit 0 "$program" train small.ini --out stop --resume --set train.epochs=2
ends 'nothing to do: already at epoch 2, train\.epochs = 2'
expect_exit 0 "$program" train small.ini --out stop --resume --set train.epochs=1 --quiet
ends 'nothing to do: already at epoch 2, train\.epochs = 1'
expect_text out '^time .* of which training 0\.00 s$'
checked "nothing to do, also with fewer epochs than are done"

for resume in "" --resume; do
    # shellcheck disable=SC2086
    expect_exit 0 "$program" train small.ini --out patient --set train.epochs=60 \
        --set train.early_stop_patience=2 $resume
    best=$(sed -n 's/^best  *epoch \([0-9]*\), .*/\1/p' out)
    ends "${resume:+nothing to do: }early stopping after epoch $((best + 2)): no lower validation error since epoch $best \(train\.early_stop_patience = 2\)"
done
checked "early stopping, and a resumed run that it had ended"

# --- more ranks than cores; large numbers

ranks=$(($(nproc --all) + 1))
expect_oversubscription() { :; }
expect_mpi_exit 0 $ranks --bind-to none "$program" train small.ini --out many --set train.epochs=1 --quiet
[ "$(grep -c '^shardnet:' err)" -eq 1 ] || wrong "not one line about $ranks ranks"
expect_text err "^shardnet: warning: oversubscribed \(.*\): $ranks ranks share [0-9]+ cores?, and every step waits for all of them; start at most [0-9]+ per node"
expect_exit 0 "$program" train small.ini --out one --set train.epochs=1
[ ! -s err ] || wrong "a warning for one rank"
checked "$ranks ranks on $(nproc --all) processors: one warning"

expect_exit 0 "$program" train small.ini --out large --set model.hidden= \
    --set optimizer.learning_rate=1e6 --set train.epochs=2
expect_text out '^epoch 1/2 .* loss [0-9.]+e\+[0-9]+ '
expect_text out '^test .*, loss [0-9.]+e\+[0-9]+;'
for command in metrics inspect eval; do
    expect_exit 0 "$program" $command large
    expect_text out ' [0-9]\.[0-9]{1,3}e\+[0-9]+( |;|$)'
    expect_no_text out ' [0-9]{6,}[.]'
done
checked "a large loss has four digits"

# --- the line of a step

if ! command -v script >/dev/null; then
    skip "the line of a step: no script (Debian: bsdutils)"
fi
# mpirun and bash are parents whose output is a terminal, too
screen=$scratch/screen
fault="SHARDNET_FAULT=step.slow"
expect_exit 0 script -qec "stty cols 200; bash -c '$fault \"$program\" train small.ini --out live --set train.max_steps=35 \
    --set train.report_every=100; exit 0'" "$screen"
tr '\r' '\n' <"$screen" | sed 's/^\x1b\[K//' >lines
grep -E '^epoch [0-9]+/8  step [0-9]+/35 \([0-9]+ %\)  loss ' lines >steps || wrong "no line of a step on a terminal"
[[ $(head -n 1 steps) =~ ^epoch\ 1/8\ \ step\ [12]/35\ \([36]\ %\)\ \ loss\ [0-9.]+\ \ error\ [0-9.]+\ %(\ .*)?$ ]] || wrong "first line: $(head -n 1 steps)"
grep -Eq '^epoch 4/8  step 3[1-5]/35 .*  error [0-9.]+ %  [0-9]+ images/s  reduce 0 %  0:(0[3-9]|[1-5][0-9]), 0:[0-9][0-9] left$' steps || wrong "last line: $(tail -n 1 steps)"
! grep -Eq ' [0-9:]*[1-9][0-9]*:[0-9]+ left$' steps || wrong "an estimate of minutes for 35 steps of 0.1 s"
grep -q '^shardnet: stopped early' lines || wrong "the last line continues another line"
expect_exit 0 script -qec "stty cols 40; bash -c '$fault \"$program\" train small.ini --out narrow \
    --set train.max_steps=15; exit 0'" "$screen"
tr '\r' '\n' <"$screen" | sed 's/^\x1b\[K//' | grep '^epoch .*/15 ' >steps || wrong "no line of a step"
[ "$(awk '{ if (length > most) most = length } END { print most }' steps)" -eq 39 ] ||
    wrong "a line for 40 columns: $(tail -n 1 steps)"
checked "the line of a step fits into the terminal"
expect_exit 0 script -qec "bash -c 'SHARDNET_FAULT=step.slow,step.hang@0:8 \"$program\" train small.ini --out hung --set comm.timeout_seconds=1; exit 0'" "$screen"
tr '\r' '\n' <"$screen" | grep -q '^shardnet: error: .*hang\|^shardnet: error: .*progress' ||
    wrong "the line about a hang continues another line: $(tail -n 3 "$screen")"
checked "the line of a step: epochs from 1, estimates after a second, removed at the end"
