#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A checkpoint continues only the run that it belongs to: other data of the same number of
# samples and other settings that give the saved state another meaning are refused.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

for seed in 1 2; do
    "$program" data synth "data$seed" --train 300 --test 50 --seed "$seed" >out
done
# the last label, which is held out for validation, is another digit in data3
cp -r data1 data3
labels=data3/train-labels-idx1-ubyte
last=$(od -An -tu1 -j 307 "$labels")
head -c 307 data1/train-labels-idx1-ubyte >"$labels"
# shellcheck disable=SC2059
printf "\\$(printf %o $(((last + 1) % 10)))" >>"$labels"
cmp data1/train-labels-idx1-ubyte "$labels" >out && wrong "the labels are the same"
write_config job.ini data.source=idx data.dir=data1 data.validation=40 model.hidden=12 train.epochs=3 \
    train.batch=20 comm.reduce=reproducible comm.leaves=4
expect_exit 75 "$program" train job.ini --out run --set train.max_steps=5
cp -r run kept

# refused PATTERN SETTING...: the run cannot be continued with these settings
refused() {
    local pattern=$1 setting options=()
    for setting in "${@:2}"; do
        options+=(--set "$setting")
    done
    expect_one_line_error 78 0 "resume \(run/checkpoints/step-00000005\.h5\): .*$pattern" \
        "$program" train job.ini --out run --resume "${options[@]}"
    diff -r run kept >out 2>&1 || wrong "a refused run was changed"
}
refused 'other training data: 260 samples' data.dir=data2
refused 'other training data: 260 samples' data.validation=30
refused 'other training data: 260 samples' data.dir=data3
refused '40 validation samples, this configuration 30' data.train_limit=290 data.validation=30
refused 'seed 1, this configuration 2' train.seed=2
refused 'has global batch 20, this configuration 26' train.batch=26
refused 'has data\.width 0, this configuration 20;' data.width=20
refused 'momentum_kind heavy_ball, this configuration nesterov' optimizer.momentum_kind=nesterov
refused 'optimizer kind momentum, this configuration adamw' optimizer.kind=adamw optimizer.learning_rate=0.001
refused '4 leaves, .* with 8' comm.leaves=8
refused '4 leaves, .* allreduce' comm.reduce=allreduce
refused 'layers 784-12-10, this configuration 784-13-10' model.hidden=13
refused 'activation tanh, this configuration sigmoid' model.activation=sigmoid
checked "other data, seed, batch, momentum, reduction or network: refused, nothing changed"

adamw=(--set optimizer.kind=adamw --set optimizer.learning_rate=0.001)
expect_exit 75 "$program" train job.ini --out adamw "${adamw[@]}" --set train.max_steps=5
expect_exit 0 "$program" train job.ini --out adamw --resume "${adamw[@]}" --set optimizer.momentum_kind=nesterov
checked "adamw ignores momentum_kind"

mv data1 moved
expect_exit 0 "$program" train job.ini --out run --resume --set data.dir=moved --set train.epochs=4 \
    --set optimizer.learning_rate=0.05
expect_text out '^changed  optimizer\.learning_rate = 0\.05[0-9]* \(was 0\.1[0-9]*\)$'
checked "moved data, another number of epochs or another rate: continued"

# the rates of this schedule depend on the number of epochs
expect_exit 75 "$program" train job.ini --out longer --set optimizer.schedule=linear \
    --set data.dir=moved --set train.max_steps=5
expect_exit 0 "$program" train job.ini --out longer --resume --set optimizer.schedule=linear \
    --set data.dir=moved --set train.epochs=4
expect_text out '^changed  train\.epochs = 4 \(was 3\)$'
checked "a number of epochs that changes the rates is printed"
