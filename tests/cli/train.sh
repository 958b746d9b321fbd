#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A training run as a user sees it: output, files, and the commands that read them.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

write_config small.ini data.source=synthetic data.validation=200 data.train_limit=2200 \
    model.hidden=16 model.activation=relu optimizer.l2=1e-5 train.epochs=2 train.batch=64 \
    metrics.every_steps=10

# --- help and version

expect_exit 0 "$program" --version
expect_text out '^shardnet [0-9]+\.[0-9]+\.[0-9]+'
expect_exit 0 "$program" --help
expect_text out 'data .*preview'
commands=(train eval predict bench plan inspect verify diff metrics report data)
for command in "${commands[@]}"; do
    expect_text out "shardnet $command"
done
for command in "${commands[@]}"; do
    for option in --help -h; do
        expect_exit 0 "$program" "$command" $option
        expect_text out "^usage: shardnet $command"
        [ ! -s err ] || wrong "$command $option writes to stderr"
    done
done
expect_mpi_exit 0 2 "$program" train --help
[ "$(grep -c '^usage:' out)" -eq 1 ] || wrong "help is not printed once"
expect_exit 0 "$program" train --help-config
for key in 'source = mnist' 'hidden = 30' 'learning_rate = ' 'batch = 64' 'dropout_input = 0'; do
    expect_text out "^ *$key"
done
checked "--version, --help, every command's --help and -h, train --help-config"

# --- the run

expect_mpi_exit 0 2 "$program" train small.ini --out run
cp out train.out
[ "$(grep -c '^ranks ' out)" -eq 1 ] || wrong "the header is not printed once"
expect_text out '^ranks +2 on 1 node, [0-9]+ threads? per rank'
expect_text out '^data .*NOT MNIST'
expect_text out '^data +2000 training, 200 validation, 4000 test images of 28 x 28, 10 classes'
expect_text out '^model +784-16-10, relu, 12730 parameters'
expect_text out '^epoch 1/2 .*loss [0-9.]+ .*validation error .*test error .*images/s'
expect_text out '^epoch 2/2 '
expect_text out '^test +accuracy [0-9.]+ %.*of 4000 correct'
expect_text out '^time .*images/s'
expect_text out '^step +[0-9.e+-]+ ms: gather [0-9]+ %, forward [0-9]+ %, backward [0-9]+ %, reduce [0-9]+ %, update [0-9]+ % '
expect_text out '^files +run'
if grep -q "$(printf '[\033\r]')" out; then
    wrong "escape codes or carriage returns where stdout is no terminal"
fi
[ ! -s err ] || wrong "a good run writes to stderr"
checked "header, epochs, test accuracy, time and files in the output"

for file in config.ini metrics.h5 checkpoints/best.h5 checkpoints/step-00000032.h5 \
    checkpoints/step-00000064.h5; do
    [ -s "run/$file" ] || wrong "no file run/$file"
done
left=$(find run -name '*.tmp*')
[ -z "$left" ] || wrong "temporary files are left: $left"
checked "config.ini, metrics.h5 and the checkpoints"

# --- readers

accuracy=$(sed -n 's/^test .*accuracy \([0-9.]*\) %.*(\([0-9]* of 4000\).*/\1 \2/p' train.out)
best=$(awk -F, 'NR > 1 && (NR == 2 || $1 < low) { low = $1; epoch = NR - 1 } END { print epoch }' \
    <(table run epochs validation_error))
for target in run/checkpoints/best.h5 "run/checkpoints/step-$(printf %08d $((32 * best))).h5"; do
    for ranks in 0 2; do
        expect_mpi_exit 0 "$ranks" "$program" eval "$target"
        expect_text out "accuracy ${accuracy%% *} %.*\(${accuracy#* } correct\)"
    done
done
checked "eval gives the accuracy that train printed: $accuracy"

expect_exit 0 "$program" eval run --checkpoint last
expect_text out '^checkpoint run/checkpoints/step-00000064\.h5: epoch 2, step 64'
expect_exit 0 "$program" eval run --split validation
expect_text out 'of 200 correct'
expect_exit 0 "$program" eval run --split train
expect_text out 'of 2000 correct'
checked "eval of a run's newest checkpoint, splits validation and train"

expect_exit 0 "$program" metrics run
[ "$(wc -l <out)" -eq 3 ] || wrong "metrics does not print a header and 2 epochs"
for rows in epochs:3 steps:7 ranks:5; do
    expect_exit 0 "$program" metrics run --csv --table "${rows%:*}"
    [ "$(wc -l <out)" -eq "${rows#*:}" ] || wrong "not ${rows#*:} lines in table ${rows%:*}"
done
expect_exit 0 "$program" metrics run --csv
[ "$(wc -l <out)" -eq 3 ] || wrong "--csv is not the table of epochs"
checked "metrics: 2 epochs, 6 steps, 2 ranks times 2 epochs"

expect_exit 0 "$program" inspect run
expect_text out 'newest'
expect_text out '^network +784-16-10, relu, 12730 parameters'
expect_exit 0 "$program" inspect run/checkpoints/best.h5 --config
expect_text out '^digest .*verified'
expect_text out '^hidden = 16'
checked "inspect of a run and of a checkpoint"

# --- the same again, from the run's own configuration

expect_mpi_exit 0 2 "$program" train run/config.ini --out again --quiet
expect_text out '^test +accuracy'
if grep -Evq '^(end|result|best|test|time|store|files) ' out; then
    wrong "--quiet prints more than the result"
fi
cmp -s run/config.ini again/config.ini || wrong "config.ini changes when it is used"
for step in 32 64; do
    same_parameters run/checkpoints/step-000000$step.h5 again/checkpoints/step-000000$step.h5
done
checked "train run/config.ini gives the same parameters, byte for byte; --quiet is short"

# --- a run without hidden layers, in a data folder of its own, elsewhere

expect_exit 0 "$program" data synth set --train 400 --test 100 --seed 5
gzip set/train-images-idx3-ubyte
expect_exit 0 "$program" data check set
expect_text out '400 samples'
write_config linear.ini data.source=idx data.dir=set model.hidden= train.epochs=1
mkdir -p deep/er
expect_exit 0 "$program" train linear.ini --out deep/er/run
expect_text out '^model +784-10, softmax, 7850 parameters'
cd deep/er
expect_exit 0 "$program" eval run
expect_text out 'of 100 correct'
right=$(sed -n 's/.*(\([0-9]* of 100\) correct).*/\1/p' "$scratch/out")
expect_exit 0 env SHARDNET_DATA="$scratch/none" "$program" eval run
expect_exit 0 "$program" eval run --data ../../set --split train
expect_text out 'of 400 correct'
cd ../..
checked "a linear classifier on IDX files; eval from another folder"

read_by_python deep/er/run set/t10k-images-idx3-ubyte set/t10k-labels-idx1-ubyte
if [ -n "$predicted" ]; then
    [ "$predicted" = "$right" ] || wrong "Python predicts $predicted, eval $right"
    checked "Python reads checkpoint and metrics, and predicts as eval: $predicted"
fi
expect_exit 0 h5dump -d /epochs -d /steps -d /ranks run/metrics.h5
expect_text out 'train_loss'
checked "h5dump reads the metrics"

write_config default.ini data.source=mnist model.hidden= train.epochs=1
expect_exit 0 env SHARDNET_DATA=set "$program" train default.ini --out by-variable
expect_text out '^data +400 training'
checked "SHARDNET_DATA is the default of data.dir"

deep=$scratch/$(printf 'a-long-name-of-a-folder/%.0s' 1 2 3 4 5 6 7 8 9 10 11 12)
expect_exit 0 "$program" data synth "$deep" --train 200 --test 50
write_config deep.ini model.hidden=4 train.epochs=1
expect_exit 0 env SHARDNET_DATA="$deep" "$program" train deep.ini --out deep-run
expect_exit 0 "$program" eval deep-run
expect_exit 0 "$program" train deep-run/config.ini --out deep-run --resume --set train.epochs=2
checked "a data folder of ${#deep} bytes is read back from config.ini and checkpoint"

# an INI file takes the end of these paths for a comment, or ends the line in them
for name in 'set #2' 'set ;2' $'set\n2' 'set '; do
    mkdir -p "strange/$name"
    cp set/* "strange/$name"
    expect_one_line_error 78 0 'data\.dir\): an INI file cannot hold the path .*; rename the folder, or use a symbolic link to it' \
        "$program" train linear.ini --set data.dir="strange/$name" --out strange-run
    ln -sfn "$name" strange/link
    for path in strange/link "$scratch/strange/link"; do
        rm -rf strange-run
        expect_exit 0 "$program" train linear.ini --set data.dir="$path" --out strange-run
        grep -qxF "dir = $scratch/strange/link" strange-run/config.ini || wrong "not the path of the link"
        expect_exit 0 env -C deep "$program" eval ../strange-run
    done
done
checked "data folders whose paths an INI file cannot hold: refused, but not by a symbolic link"

if [ -e /dev/full ]; then
    expect_exit 74 bash -c '"$0" train deep-run/config.ini --out full >/dev/full' "$program"
    checked "a result that cannot be printed: exit 74"
fi
