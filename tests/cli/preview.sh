#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# `data preview`: a picture of originals beside their distortions.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

# number FILE OFFSET: four bytes, most significant first
number() {
    local bytes
    read -r -a bytes < <(od -An -v -tu1 -j "$2" -N 4 -- "$1")
    echo $((((bytes[0] * 256 + bytes[1]) * 256 + bytes[2]) * 256 + bytes[3]))
}

# expect_png FILE WIDTH HEIGHT: a complete 8-bit grey PNG
expect_png() {
    local start size
    start=$(od -An -v -tx1 -N 8 -- "$1" | tr -d ' \n')
    [ "$start" = 89504e470d0a1a0a ] || wrong "$1 is no PNG"
    size="$(number "$1" 16) x $(number "$1" 20)"
    [ "$size" = "$2 x $3" ] || wrong "$1 is $size, not $2 x $3"
    [ "$(od -An -v -tu1 -j 24 -N 2 -- "$1" | tr -s ' ')" = " 8 0" ] ||
        wrong "$1 is not 8-bit grey"
    [ "$(tail -c 8 -- "$1" | head -c 4)" = IEND ] || wrong "$1 is cut off"
    [ ! -e "$1.tmp" ] || wrong "$1.tmp is left behind"
}

# two blocks of 10 x 10 images, lines of 1 around each, a gap of 8, three times as large
width=$((3 * (2 * (10 * 29 + 1) + 8)))
height=$((3 * (10 * 29 + 1)))

write_config elastic.ini data.source=synthetic data.train_limit=1000 augment.kind=elastic
expect_exit 0 "$program" data preview elastic.ini -o first.png
expect_text out "first.png"
expect_png first.png $width $height
checked "a PNG of the right size"

expect_exit 0 "$program" data preview elastic.ini -o again.png --epoch 1
cmp -s first.png again.png || wrong "the same epoch gives another picture"
expect_exit 0 "$program" data preview -o second.png --epoch=2 elastic.ini
expect_exit 0 "$program" data preview elastic.ini -o seed.png --set train.seed=99
expect_exit 0 "$program" data preview elastic.ini -o none.png --set=augment.kind=none
for other in second seed none; do
    expect_png $other.png $width $height
    ! cmp -s first.png $other.png || wrong "$other.png does not differ from first.png"
done
checked "epoch, seed and keys are taken"

expect_exit 0 "$program" data preview elastic.ini -o few.png --set data.train_limit=7
expect_png few.png $width $height
checked "fewer samples than places"

"$program" data synth idx --train 120 --test 10 >"$scratch/out"
expect_exit 0 "$program" data preview elastic.ini -o idx.png --set data.source=idx \
    --set "data.dir=$scratch/idx"
expect_png idx.png $width $height
checked "a folder of IDX files"

# fails CODE PATTERN ARGUMENT...
fails() {
    expect_one_line_error "$1" 0 "$2" "$program" data preview "${@:3}"
}

usage='see `shardnet data preview --help`$'
for arguments in "" "elastic.ini" "-o x.png" "elastic.ini -o" "elastic.ini -o x.png --set" \
    "elastic.ini other.ini -o x.png" "elastic.ini -o x.png --wide" \
    "elastic.ini -o x.png --epoch" "elastic.ini -o x.png --epoch 0" \
    "elastic.ini -o x.png --epoch -1" "elastic.ini -o x.png --epoch 1.5" \
    "elastic.ini -o x.png --epoch 99999999999"; do
    # shellcheck disable=SC2086
    fails 64 "$usage" $arguments
done
checked "wrong arguments: exit 64"

fails 78 "rotation" elastic.ini -o x.png --set augment.rotation=-1
fails 78 "augment.kin" elastic.ini -o x.png --set augment.kin=elastic
fails 66 "none.ini" none.ini -o x.png
fails 66 "$scratch/none" elastic.ini -o x.png --set data.source=idx \
    --set "data.dir=$scratch/none"
[ ! -e x.png ] || wrong "a failure left a picture"
checked "wrong configuration: exit 78, missing input: exit 66"

fails 73 "none/x.png" elastic.ini -o none/x.png
mkdir folder
mkfifo pipe
fails 73 "device or a pipe" elastic.ini -o pipe
fails 73 "folder" elastic.ini -o folder
checked "unwritable picture: exit 73"
# a limit on the size of files acts like a full disk
expect_one_line_error 74 0 "full.png" bash -c 'ulimit -f 1 && exec "$@"' - \
    "$program" data preview elastic.ini -o full.png
[ ! -e full.png ] && [ ! -e full.png.tmp ] || wrong "a full disk left a picture"
checked "full disk: exit 74"
