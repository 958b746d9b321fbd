#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every key of the configuration has an effect: for each one a run that differs from a run
# without it, and no key of `train --help-config` is left out.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

expect_exit 0 "$program" data synth digits --train 240 --test 60
expect_exit 0 "$program" data synth others --train 240 --test 60 --seed 2
# 12 steps per epoch; the first layer has the same shape in nearly all runs
write_config small.ini data.source=idx data.dir=digits model.hidden="6, 5" train.epochs=2 \
    train.batch=20
: >tested

# settings SETTING...: as options, in $options
settings() {
    local setting
    options=()
    for setting in "$@"; do options+=(--set "$setting"); done
}

# train CODE RANKS RUN SETTING...
train() {
    settings "${@:4}"
    expect_mpi_exit "$1" "$2" "${fault[@]}" "$program" train small.ini --out "$3" "${options[@]}"
}
fault=()

# key SETTING: the key that the next checks are about
key() {
    echo "${1%%=*}" >>tested
    checked "$1"
}

# weights RUN: the first layer in the newest checkpoint, in weights.raw; prints a digest
weights() {
    h5dump -d /model/layer0/weight -b LE -o weights.raw "$(newest_checkpoint "$1")" >dump.out
    sha256sum <weights.raw
}

# changes RANKS SETTING [OTHER]...: the first setting gives other parameters where both runs
# have the others
changes() {
    local ranks=$1 setting=$2 base
    shift 2
    base=base-$(echo "$ranks $*" | sha256sum | cut -c 1-12)
    if [ ! -e "$base" ]; then train 0 "$ranks" "$base" "$@"; fi
    rm -rf run
    train 0 "$ranks" run "$@" "$setting"
    [ "$(weights run)" != "$(weights "$base")" ] || wrong "$setting changes no parameter"
    key "$setting"
}

# count NUMBER WORD...: as many lines as the command prints
count() {
    local lines
    lines=$("${@:2}" | wc -l)
    [ "$lines" -eq "$1" ] || wrong "$lines lines instead of $1: ${*:2}"
}

# expect_files LEAST MOST RUN: the run has as many checkpoints
expect_files() {
    local found
    found=$(find "$3/checkpoints" -name 'step-*.h5' | wc -l)
    (($1 <= found && found <= $2)) || wrong "$found checkpoints instead of $1 to $2: $3"
}

# --- keys that change the parameters

for setting in data.width=10 data.dir=others data.validation=40 data.train_limit=100 augment.kind=affine augment.noise=0.1 \
    model.activation=relu model.init=he model.dropout_input=0.3 model.dropout_hidden=0.3 \
    model.max_norm=0.1 optimizer.learning_rate=0.2 optimizer.momentum=0.5 \
    optimizer.momentum_kind=nesterov optimizer.l2=0.01 optimizer.l1=0.01 \
    optimizer.schedule=cosine optimizer.warmup_epochs=1 optimizer.scale_from_batch=40 \
    train.batch=30 train.label_smoothing=0.1 train.seed=2 model.hidden="6, 4" compute.precision=bf16_emulated; do
    changes 0 "$setting"
done
for setting in rotation=40 shear=0.5 scale=0.5 shift=3; do
    changes 0 augment.$setting augment.kind=affine
done
for setting in beta1=0.5 beta2=0.9 epsilon=0.01 weight_decay=0.1; do
    changes 0 optimizer.$setting optimizer.kind=adamw optimizer.learning_rate=0.01
done
changes 0 train.average=0.9
changes 0 optimizer.clip_norm=0.1
changes 0 optimizer.kind=adamw optimizer.learning_rate=0.01
changes 0 augment.sigma=2 augment.kind=elastic
changes 0 augment.alpha=10 augment.kind=elastic
changes 0 data.source=synthetic data.train_limit=240 data.dir=others
changes 0 optimizer.decay=0.5 optimizer.schedule=inverse optimizer.decay=0.1
changes 0 optimizer.decay_fraction=0.9 optimizer.schedule=warmup_stable_decay
changes 0 optimizer.decay_every=2 optimizer.schedule=step optimizer.decay=0.5
changes 0 comm.leaves=4 comm.reduce=reproducible
changes 2 comm.reduce=reproducible
changes 2 comm.wire=bf16
OMPI_MCA_coll_libnbc_iallreduce_algorithm=ring changes 3 comm.bucket_kib=1 comm.reduce=overlap

# weights of init_scale = 1 and 4 after no update: a power of two scales without rounding
for scale in 1 4; do
    train 0 0 scale-$scale model.init_scale=$scale optimizer.learning_rate=0
    weights scale-$scale >digest
    od -An -v -t f4 -w4 weights.raw >weights-$scale
done
paste weights-1 weights-4 | awk '{ d = $2 - 4 * $1; if (d < 0) d = -d; a = $1 < 0 ? -$1 : $1
    if (d > 1e-6 * a) bad = 1; if (a > 0) rows++ } END { exit bad || rows != 6 * 784 }' ||
    wrong "init_scale = 4 does not give four times the weights"
key model.init_scale=4

# --- when a run ends, and what it prints

train 0 0 epochs train.epochs=3
[ "$(step_of epochs)" -eq 36 ] || wrong "not 36 steps in 3 epochs"
key train.epochs=3
train 0 0 evaluated train.epochs=4 train.eval_every=2
table evaluated epochs test_error >evaluations
[ "$(grep -c '[0-9]' evaluations)" -eq 2 ] || wrong "not 2 evaluations in 4 epochs: $(cat evaluations)"
key train.eval_every=2
train 0 0 reported train.epochs=4 train.report_every=2
count 3 grep '^epoch ' out # the first one, and each second
key train.report_every=2
train 0 0 patient data.validation=40 optimizer.learning_rate=0.0000001 train.epochs=50 \
    train.early_stop_patience=2
(($(step_of patient) < 50 * 10)) || wrong "trained through all epochs"
key train.early_stop_patience=2
train 75 0 stopped train.max_steps=5
[ "$(step_of stopped)" -eq 5 ] || wrong "not stopped after step 5"
expect_text err '^shardnet: stopped early on request .*: train\.max_steps = 5; checkpoint written;'
key train.max_steps=5

# steps of a tenth of a second: 600 s of training, of which only max_minutes makes 3
fault=(env SHARDNET_FAULT=step.slow)
train 75 0 timed train.epochs=500 train.max_minutes=0.05
expect_text err '^shardnet: stopped early on request .*: train\.max_minutes = 0\.05; checkpoint written;'
step=$(step_of timed)
((step > 0 && step <= 31)) || wrong "$step steps of 0.1 s in 3 s"
key train.max_minutes=0.05
train 0 0 minutes checkpoint.every_epochs=0 checkpoint.every_minutes=0.005 checkpoint.keep=99
expect_files 3 24 minutes # one per 0.3 s of 24 steps of 0.1 s
key checkpoint.every_minutes=0.005

fault=(env SHARDNET_FAULT=step.hang@0:3)
train 75 0 hung comm.timeout_seconds=1
expect_text err '^shardnet: error: no progress for [0-9]+ s'
key comm.timeout_seconds=1
fault=(env SHARDNET_FAULT=replica.flip@1:5)
train 70 2 flipped comm.check_replicas_every=7
expect_text err 'step 7.*differ'
key comm.check_replicas_every=7
fault=()

train 0 0 threads compute.threads=1
expect_text out '^ranks .* 1 thread per rank'
if [ "$(cores)" -gt 1 ]; then
    train 0 0 threads-2 compute.threads=2
    expect_text out '^ranks .* 2 threads per rank'
fi
key compute.threads=1
run "$program" train small.ini --out backend --set compute.backend=onednn
case $code in
0) expect_text out '^blas +oneDNN' ;;
78) expect_text err 'oneDNN' ;; # a build without it
*) wrong "exit code $code" ;;
esac
key compute.backend=onednn

# --- files

train 0 0 no-epochs checkpoint.every_epochs=0
count 1 find no-epochs/checkpoints -name 'step-*.h5'
train 0 0 both-epochs
count 2 find both-epochs/checkpoints -name 'step-*.h5'
# short epochs: files after the first and the last, on a slow disk more; best.h5 waits in memory until then
train 0 0 short checkpoint.every_epochs=auto train.epochs=9 data.validation=40 checkpoint.keep=99
expect_files 2 3 short
[ "$(table short epochs epoch | tail -n 1)" = 9 ] || wrong "metrics.h5 has not 9 epochs"
best=$(table short epochs epoch validation_error | awk -F, 'NR == 2 || (NR > 2 && $2 < least) { least = $2; best = $1 } END { print best }')
expect_exit 0 "$program" inspect short/checkpoints/best.h5
expect_text out "^progress +$best epochs"
# 8 epochs of 1.2 s or more: files after the first epoch, after 5 s more, and at the end
fault=(env SHARDNET_FAULT=step.slow)
train 0 0 interval checkpoint.every_epochs=auto train.epochs=8 checkpoint.keep=99
expect_files 3 5 interval
fault=()
key checkpoint.every_epochs=0
train 0 0 steps checkpoint.every_steps=5 checkpoint.keep=99
count 6 find steps/checkpoints -name 'step-*.h5' # 5, 10, 12, 15, 20, 24
key checkpoint.every_steps=5
train 0 0 one checkpoint.keep=1
count 1 find one/checkpoints -name 'step-*.h5'
key checkpoint.keep=1
for best in true false; do
    train 0 0 best-$best data.validation=40 checkpoint.keep_best=$best
done
[ -e best-true/checkpoints/best.h5 ] || wrong "no best.h5"
[ ! -e best-false/checkpoints/best.h5 ] || wrong "best.h5 in spite of keep_best = false"
key checkpoint.keep_best=false
train 0 0 rows metrics.every_steps=6
table rows steps step >steps.csv
count 5 cat steps.csv
key metrics.every_steps=6
for each in true false; do
    train 0 2 ranks-$each metrics.per_rank=$each
    table ranks-$each ranks rank >ranks-$each.csv
done
count 5 cat ranks-true.csv
count 1 cat ranks-false.csv
key metrics.per_rank=false

# --- completeness

expect_exit 0 "$program" train --help-config
awk '/^\[/ { section = substr($1, 2, length($1) - 2) }
    /^  [a-z]/ && $2 == "=" { print section "." $1 }' out | sort >keys
[ "$(wc -l <keys)" -gt 50 ] || wrong "fewer than 50 keys in --help-config"
sort -u tested | diff keys - >out || wrong "keys of --help-config that are not tested, or the reverse"
checked "all $(wc -l <keys) keys have an effect"
