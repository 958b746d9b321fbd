#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# metrics --follow beside a running job: every row once, in order, until the run ends.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

# an epoch is 5 steps, of a tenth of a second each where they are slowed down
write_config job.ini data.source=synthetic data.train_limit=500 data.validation=100 model.hidden=8 \
    train.epochs=3 train.batch=80 checkpoint.every_epochs=1 metrics.every_steps=1
slow=(env SHARDNET_FAULT="step.slow")
followers=()

# follow NAME ARGUMENT...: in the background, into NAME.out and NAME.err
follow() {
    : >"$1.out"
    : >"$1.err"
    timeout -k 5 "$limit" "$program" metrics "${@:2}" --follow >"$1.out" 2>"$1.err" &
    followers+=($!)
}

# followed NAME: its exit code must be 0
followed() {
    local pid=${followers[0]} code=0
    followers=("${followers[@]:1}")
    wait "$pid" || code=$?
    cp -- "$1.out" out
    cp -- "$1.err" err
    [ "$code" -eq 0 ] || wrong "metrics --follow ($1) ends with $code"
}

# rows NAME PATTERN COUNT: waits until NAME.out has as many lines like the pattern
rows() {
    wait_until "no $3 rows ($1)" has_rows "$@"
}

has_rows() {
    [ "$(grep -Ec -- "$2" "$1.out")" -ge "$3" ]
}

# reports NAME: waits until NAME.err has a message
reports() {
    wait_until "no message ($1)" test -s "$1.err"
}

# --- a whole run, from before its file is there

mkdir run
for name in epochs steps ranks; do
    follow $name run --csv --table $name
done
follow aligned run
expect_mpi_exit 0 2 "${slow[@]}" "$program" train job.ini --out run
for name in epochs steps ranks; do
    followed $name
    [ ! -s err ] || wrong "--follow writes to stderr"
    "$program" metrics run --csv --table $name >whole.csv
    cmp -s out whole.csv || wrong "--follow --table $name is not the table"
done
followed aligned
"$program" metrics run >whole.txt
cmp -s out whole.txt || wrong "--follow is not the table"
[ "$(wc -l <whole.txt)" -eq 4 ] || wrong "not 3 epochs"
checked "epochs, steps and ranks of a run, from before its start to its end"

for name in steps ranks; do
    expect_exit 0 "$program" metrics run --table $name --follow
    cp out followed.txt
    expect_exit 0 "$program" metrics run --table $name
    cmp -s out followed.txt || wrong "--follow of a finished run is not its table"
done
expect_text out '^epoch +step +rank .* host$'
[ "$(wc -l <out)" -eq 7 ] || wrong "not 3 epochs of 2 ranks"
expect_exit 0 "$program" metrics run/metrics.h5 --follow
cmp -s out whole.txt || wrong "--follow of the file is not the table"
checked "a run that has ended; aligned steps and ranks; the file instead of the folder"

write_config impatient.ini data.source=synthetic data.train_limit=500 data.validation=100 \
    model.hidden=8 optimizer.learning_rate=0.0000001 train.epochs=500 train.batch=80 \
    train.early_stop_patience=2
expect_exit 0 "$program" train impatient.ini --out impatient
expect_exit 0 "$program" metrics impatient --follow
(($(wc -l <out) < 400)) || wrong "the run was patient"
checked "the end by train.early_stop_patience"

# --- a resumed run goes back: what it makes again comes after the cut has been seen

expect_exit 75 "$program" train job.ini --out again --set train.max_steps=7
follow again again --csv --table steps
rows again '^[1-7],' 7
cp -r again/checkpoints kept
expect_exit 75 "$program" train job.ini --out again --resume --set train.max_steps=4
rows again '^1?[0-9],' 11
rm -r again/checkpoints
cp -r kept again/checkpoints
start 0 env SHARDNET_FAULT=step.hang@0:7 "$program" train job.ini --out again --resume
reports again
kill_tree "$job"
wait "$job" 2>/dev/null || true
job=
expect_exit 0 "$program" train job.ini --out again --resume --set train.max_steps=0
followed again
[ "$(wc -l <err)" -eq 1 ] || wrong "not one line about rows that were cut"
expect_text err '^shardnet: metrics \(again/metrics\.h5\): shortened by a resumed run; printing the rows after step 7 again$'
cut -d, -f1 out | tr '\n' ' ' >order
[ "$(cat order)" = "step $(echo {1..11}) $(echo {8..15}) " ] || wrong "steps come as $(cat order)"
"$program" metrics again --csv --table steps | tail -n 8 >last.csv
tail -n 8 out | cmp -s - last.csv || wrong "the rows made again are not those of the file"
checked "rows that a resumed run makes again come again, the others once"

# --- ends

expect_exit 75 "$program" train job.ini --out stopped --set train.max_steps=7
for signal in INT TERM; do
    follow stopped stopped --table steps
    rows stopped '^ +[1-7] ' 7
    kill -$signal "$(children_of "${followers[0]}")"
    followed stopped
    [ "$(wc -l <out)" -eq 8 ] && [ ! -s err ] || wrong "other lines than the table"
    checked "SIG$signal: exit 0 after whole lines"
done
expect_exit 0 timeout "$limit" bash -c 'set -o pipefail; "$0" metrics stopped --table steps --follow |
    head -n 2' "$program"
[ "$(wc -l <out)" -eq 2 ] && [ ! -s err ] || wrong "the reader's end is not silent"
checked "a reader that goes away: exit 0, silently"
if [ -e /dev/full ]; then
    expect_exit 74 bash -c '"$0" metrics stopped --follow >/dev/full' "$program"
    expect_exit 74 bash -c '"$0" metrics stopped --csv >/dev/full' "$program"
    checked "output that cannot be written: exit 74"
fi

# --- before the run has a folder

follow early runs/early
follow early-file runs/early/metrics.h5 --csv
reports early
reports early-file
[ ! -s early.out ] || wrong "--follow of nothing prints something"
expect_exit 0 "$program" train job.ini --out runs/early
for name in early early-file; do
    followed $name
    [ "$(wc -l <out)" -eq 4 ] || wrong "not 3 epochs"
    [ "$(wc -l <err)" -eq 1 ] || wrong "not one line that it waits"
    expect_text err '^shardnet: metrics \(runs/early\): no such folder yet; waiting$'
done
checked "a run whose folder is not there yet, nor the one above it"

follow never runs/never
reports never
kill -TERM "$(children_of "${followers[0]}")"
followed never
checked "SIGTERM while waiting for the folder: exit 0"

# --- refusals

expect_one_line_error 66 0 'job\.ini/run\): not the folder of a run' "$program" metrics job.ini/run --follow
expect_one_line_error 66 0 'cannot open \(none\)' "$program" metrics none
for option in --csv --follow; do
    expect_one_line_error 65 0 'not a metrics file \(run/config\.ini\): it is not an HDF5 file' \
        "$program" metrics run/config.ini $option
    expect_one_line_error 65 0 'it is a checkpoint' \
        "$program" metrics run/checkpoints/best.h5 $option
done
checked "a file that is there and no metrics.h5: exit 65"
mkdir broken
head -c 5000 run/metrics.h5 >broken/metrics.h5
expect_one_line_error 65 0 'metrics damaged \(broken/metrics\.h5\)' "$program" metrics broken --follow
checked "no folder of a run: exit 66; damaged for 3 s: exit 65"

# a file that is half there at first
follow late broken
wait_until "no header after the first look" test -s late.out
cp run/metrics.h5 broken/new
cp run/config.ini broken
mv broken/new broken/metrics.h5
followed late
cmp -s out whole.txt || wrong "--follow did not wait for the whole file"
checked "a file that is half there at first"

follow removed stopped
rows removed '^ +1 ' 1
rm -r stopped
wait "${followers[0]}" && wrong "the folder is gone and --follow ends well" || code=$?
followers=()
[ "$code" -eq 66 ] || wrong "exit code $code instead of 66"
checked "a folder that goes away: exit 66"
