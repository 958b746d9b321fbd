#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# status agrees with what train --resume does: a finished run ends at once, any other run continues.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

# an epoch is 5 steps
write_config job.ini data.source=synthetic data.train_limit=500 data.validation=100 model.hidden=8 \
    train.epochs=3 train.batch=80

# expect_status CODE PATTERN RUN: the line has the pattern, the JSON object the same state
expect_status() {
    local word
    expect_exit "$1" "$program" status "$3"
    expect_text out "$2"
    [ "$(wc -l <out)" -eq 1 ] || wrong "not one line"
    word=$(sed 's/[^a-z].*//' out)
    expect_exit "$1" "$program" status "$3" --json
    expect_text out "^\{\"state\": \"$word\", \"epoch\": [0-9]+, .*\}\$"
    [ "$(wc -l <out)" -eq 1 ] || wrong "not one line of JSON"
}

# resume CODE ARGUMENT...: continues the run; sets $trained to the number of its steps
resume() {
    local before after
    before=$(step_of run)
    expect_exit "$1" "$program" train run/config.ini --out run --resume "${@:2}"
    after=$(step_of run)
    trained=$((after - before))
}

expect_exit 75 "$program" train job.ini --out run --set train.max_steps=7
expect_status 75 '^stopped in epoch 2 of 3, step 7; continue with --resume$' run
resume 75 --set train.max_steps=3
[ "$trained" -eq 3 ] || wrong "a stopped run trained $trained steps"
expect_status 75 '^stopped after epoch 2 of 3, step 10; continue with --resume$' run
resume 0 --set train.max_steps=0
expect_status 0 '^finished after epoch 3 of 3, step 15$' run
resume 0
[ "$trained" -eq 0 ] || wrong "a finished run trained $trained steps"
resume 75 --set train.epochs=4 --set train.max_steps=1
expect_status 75 '^stopped in epoch 4 of 4, step 16; continue with --resume$' run
if [ -w /dev/full ]; then
    expect_one_line_error 74 0 'standard output' bash -c '"$0" status run >/dev/full' "$program"
fi
checked "stopped within an epoch and after one; finished; more epochs afterwards"

expect_exit 75 "$program" status run --json
cp out status.json
if find_python "the JSON object" json; then
    expect_exit 0 "$python" -c 'import json, sys
found = json.load(open(sys.argv[1]))
assert found == {"state": "stopped", "epoch": 3, "epochs": 4, "step": 16, "step_in_epoch": 1,
                 "best_epoch": found["best_epoch"], "checkpoint": "run/checkpoints/step-00000016.h5",
                 "holder": None}, found' status.json
    checked "the JSON object has every field"
fi

cp run/config.ini kept.ini
rm run/config.ini
expect_status 75 '^stopped in epoch 4 of 4, step 16; ' run
cp kept.ini run/config.ini
checked "without config.ini: the configuration in the checkpoint"

expect_exit 0 "$program" train job.ini --out run --resume --set train.max_steps=0 \
    --set train.epochs=4
expect_status 0 '^finished after epoch 4 of 4, step 20$' run
truncate -s 5000 run/checkpoints/step-00000020.h5 run/checkpoints/best.h5
expect_status 75 '^stopped in epoch 4 of 4, step 16; ' run
expect_text err '^shardnet: warning: .*step-00000020\.h5.*; skipped$'
resume 0
expect_text err 'step-00000020\.h5.*; skipped'
expect_status 0 '^finished after epoch 4 of 4, step 20$' run
for file in run/checkpoints/*.h5; do
    truncate -s 5000 "$file"
done
expect_exit 65 "$program" status run
expect_text err '^shardnet: error: resume \(run\): every checkpoint is damaged'
checked "a damaged checkpoint is skipped as by --resume; exit 65 if all are damaged"

write_config impatient.ini data.source=synthetic data.train_limit=500 data.validation=100 \
    model.hidden=8 optimizer.learning_rate=0.0000001 train.epochs=500 train.batch=80 \
    train.early_stop_patience=2
rm -r run
expect_exit 0 "$program" train impatient.ini --out run
expect_status 0 '^finished after epoch [0-9]+ of 500, step [0-9]+; no lower validation error since epoch [0-9]+$' run
resume 0
[ "$trained" -eq 0 ] || wrong "a run without patience trained $trained steps"
checked "finished by train.early_stop_patience"

# live NAME PATTERN ARGUMENT...: a slow job, until status prints the pattern; then it is killed
live() {
    local end=$((SECONDS + limit))
    start 0 env SHARDNET_FAULT=step.slow "$program" train job.ini --out "$1" \
        --set train.epochs=1000 --quiet "${@:3}" # or it writes into out, as status does
    : >line
    until grep -Eq "^running, process $job on [^;]+; $2\$" line; do
        kill -0 "$job" || wrong "the job ended before status printed '$2'"
        ((SECONDS < end)) || wrong "no '$2' within $limit s"
        "$program" status "$1" >line 2>/dev/null || sleep 0.05 # its exit code is 75
    done
    expect_status 75 '^running, ' "$1"
    kill_tree "$job"
    finish
}
live early 'no checkpoint yet' --set checkpoint.every_epochs=1000 \
    --set checkpoint.keep_best=false
expect_status 75 '^stopped before the first checkpoint; start again$' early
live late 'newest checkpoint after epoch [1-9][0-9]* of 1000, step [0-9]*[05]'
expect_status 75 '^stopped after epoch [1-9][0-9]* of 1000, step ' late
checked "a job that runs, one that was killed, without a checkpoint and with one"

mkdir empty
for folder in none empty job.ini; do
    expect_one_line_error 66 0 "^shardnet: error: cannot open \($folder\): not the folder of a run\$" \
        "$program" status $folder
done
echo '[train' >early/config.ini
expect_one_line_error 78 0 'early/config\.ini' "$program" status early
checked "no folder of a run: exit 66; a wrong config.ini: exit 78"

expect_exit 75 "$program" train job.ini --out going --set train.max_steps=7
expect_exit 0 "$program" inspect going
next=$(sed -n 's/^next  *continue: shardnet //p' out)
# shellcheck disable=SC2086
expect_exit 0 "$program" $next --set train.max_steps=0
expect_text out '^resume .*step 7$'
expect_exit 0 "$program" inspect going
expect_text out '^next +finished; to train longer: shardnet train going/config\.ini --out going --resume --set train\.epochs=N$'
mv going "it's going"
expect_exit 0 "$program" inspect "it's going"
expect_text out "shardnet train 'it'\\\\''s going/config\.ini' --out 'it'\\\\''s going' --resume --set"
expect_exit 0 "$program" inspect run # without patience
expect_text out '^next +finished; .* --resume --set train\.early_stop_patience=N$'
checked "inspect ends with the command that continues the run"
