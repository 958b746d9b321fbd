#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The data of a finished run have moved: the commands use SHARDNET_DATA if it holds the same
# data; else the error names the options.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

# images of 14 x 56, a shape that only the files contain
synth() {
    local split
    expect_exit 0 "$program" data synth "$1" --train 400 --test 100 --seed "$2"
    for split in train t10k; do
        printf '\0\0\0\016\0\0\0\070' |
            dd of="$1/$split-images-idx3-ubyte" bs=1 seek=8 conv=notrunc 2>"$scratch/err" ||
            wrong "cannot write the shape"
    done
}
synth set 5
synth other 6
write_config small.ini data.source=idx data.dir=set data.train_limit=300 data.validation=50 model.hidden=8 \
    train.epochs=2
expect_exit 0 "$program" train small.ini --out run
expect_exit 0 "$program" eval run
cp out before
expect_exit 0 "$program" train small.ini --out wide --set data.width=20
expect_exit 0 "$program" predict wide set/t10k-images-idx3-ubyte
cut -f 2- out >alone
expect_exit 0 "$program" predict run wide -- set/t10k-images-idx3-ubyte
cut -f 2- out >together
expect_exit 0 env SHARDNET_DATA="$scratch/other" "$program" eval run
cmp -s out before && [ ! -s err ] || wrong "SHARDNET_DATA counts although data.dir exists"
mv set elsewhere

for ranks in 0 2; do
    expect_one_line_error 66 $ranks "no data of the run \($scratch/set\): .*--data DIR.*SHARDNET_DATA.*--set data\.dir=DIR" \
        "$program" eval run
    expect_one_line_error 66 $ranks "no data of the run \($scratch/set\): .*SHARDNET_DATA \($scratch/other\) .*other training samples.*--data DIR" \
        env SHARDNET_DATA="$scratch/other" "$program" eval run
    expect_one_line_error 66 $ranks "no data of the run .*SHARDNET_DATA \(nowhere\) .*does not exist" \
        env SHARDNET_DATA=nowhere "$program" eval run
    expect_mpi_exit 0 $ranks env SHARDNET_DATA="$scratch/elsewhere" "$program" eval run
    cmp -s out before || wrong "other figures with the data in SHARDNET_DATA"
    [ "$(grep -c '^shardnet:' err)" -eq 1 ] || wrong "not one warning"
    expect_text err "^shardnet: warning: data \($scratch/set\): .*using SHARDNET_DATA \($scratch/elsewhere\)"
    expect_mpi_exit 0 $ranks "$program" eval run --data elsewhere
    cmp -s out before && [ ! -s err ] || wrong "other figures with --data"
done
expect_exit 0 "$program" eval run --data other
checked "eval: SHARDNET_DATA if the training samples are the same, --data, else exit 66"

printf 'P5 28 28 255\n' >digit.pgm
dd if=elsewhere/t10k-images-idx3-ubyte bs=16 skip=1 count=49 >>digit.pgm 2>err || wrong "cannot draw a picture"
expect_exit 0 "$program" predict run digit.pgm --data elsewhere
expect_no_text err 'warning: (data|image size)'
cp out known
expect_exit 0 env SHARDNET_DATA="$scratch/elsewhere" "$program" predict run digit.pgm
expect_text err '^shardnet: warning: data .*using SHARDNET_DATA'
cmp -s out known || wrong "predict does not use the image size of SHARDNET_DATA"
expect_exit 0 env SHARDNET_DATA="$scratch/other" "$program" predict run digit.pgm
expect_text err '^shardnet: warning: image size .*assuming 28 x 28'
expect_exit 0 "$program" report run
expect_text run/report.html 'No pictures: the training images are missing'
expect_exit 0 "$program" report run --data elsewhere
expect_no_text run/report.html 'No pictures'
checked "predict takes the image size from there; report needs no data"

images=elsewhere/t10k-images-idx3-ubyte
for wanted in alone together; do
    committee=(wide --)
    [ $wanted = alone ] || committee=(run wide --)
    expect_exit 65 "$program" predict "${committee[@]}" $images
    expect_text err '^shardnet: error: image size unknown .*data\.width needs it.*--data DIR'
    [ ! -s out ] || wrong "$wanted: predictions of images whose size is not known"
    expect_exit 0 "$program" predict --data elsewhere "${committee[@]}" $images
    cut -f 2- out | cmp -s - $wanted || wrong "$wanted: other predictions with --data"
    expect_exit 0 env SHARDNET_DATA="$scratch/elsewhere" "$program" predict "${committee[@]}" $images
    cut -f 2- out | cmp -s - $wanted || wrong "$wanted: other predictions with SHARDNET_DATA"
    [ "$(grep -c 'using SHARDNET_DATA' err)" -eq 1 ] || wrong "$wanted: not one warning: $(cat err)"
done
checked "predict with data.width: the image size must be known for each member"

expect_one_line_error 66 0 "no data folder \($scratch/set\).*--set data\.dir=DIR" \
    env SHARDNET_DATA="$scratch/elsewhere" "$program" train run/config.ini --out run --resume
expect_one_line_error 78 0 'other training data' \
    "$program" train run/config.ini --out run --resume --set data.dir=other
expect_exit 0 "$program" train run/config.ini --out run --resume --set data.dir=elsewhere --set train.epochs=3
expect_text out '^resume '
expect_exit 0 "$program" eval run
[ ! -s err ] || wrong "the resumed run has not recorded the new folder"
checked "train --resume needs --set data.dir, and refuses other data"
