#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A build without the optional libraries: its unit tests pass and none is skipped, it trains,
# reads gzip, and refuses JPEG, NPZ, oneDNN and bf16 in one line each.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
folder=$(dirname -- "$program")/optional
limit=600

cd -- "$source_root"
options=(-DSHARDNET_ONEDNN=OFF -DSHARDNET_ISAL=OFF -DSHARDNET_JPEG=OFF -DSHARDNET_ZIP=OFF)
names=$(printf '%s\n' "${options[@]}" | sed 's/-DSHARDNET_\(.*\)=OFF/\1/' | tr '\n' ' ')
grep -q "^set(SHARDNET_OPTIONAL ${names% })$" CMakeLists.txt || wrong "CMakeLists.txt has other optional libraries"
expect_exit 0 cmake --preset dev -B "$folder" "${options[@]}"
expect_exit 0 cmake --build "$folder" --parallel "$(processors)"
program=$folder/shardnet
expect_exit 0 ldd "$program"
expect_no_text out 'dnnl|isal|jpeg|libzip'
SHARDNET_DATA=$mnist expect_exit 0 ctest --test-dir "$folder" --output-on-failure -j $((4 * $(processors))) -L '^unit$'
grep -E '^skipped:|^\[  SKIPPED \]' "$folder/Testing/Temporary/LastTest.log" >"$scratch/out" || true
[ -z "$mnist" ] || [ ! -s "$scratch/out" ] || wrong "tests are skipped"
checked "no optional library: builds, and every unit test runs"

cd -- "$scratch"
expect_exit 0 "$program" data synth digits --train 300 --test 50
gzip digits/*-ubyte
write_config small.ini data.source=idx data.dir=digits model.hidden=8 train.epochs=1 train.batch=50
expect_mpi_exit 0 2 "$program" train small.ini --out run
expect_exit 0 "$program" predict run digits/t10k-images-idx3-ubyte.gz
[ "$(wc -l <out)" -eq 50 ] || wrong "not one line for each image"
checked "trains on two ranks, on a gzip data set"

# refuses CODE PATTERN ARGUMENT...
refuses() {
    expect_one_line_error "$1" 0 "$2" "$program" "${@:3}"
}
mkdir -p pictures/{0,1}
for file in pictures/{0,1}/a.jpg; do
    printf '\xff\xd8\xff\xe0' >"$file"
done
: >mnist.npz
refuses 66 '0/a\.jpg\): .*no libjpeg-turbo.*libjpeg-dev' predict run pictures/0/a.jpg
refuses 66 '0/a\.jpg\): .*no libjpeg-turbo.*libjpeg-dev' data import --test-fraction 0.5 pictures new
refuses 66 'mnist\.npz\): .*no libzip.*libzip-dev' data import mnist.npz new
[ ! -e new ] || wrong "a refused import leaves a folder"
refuses 78 'no oneDNN.*libdnnl-dev' train small.ini --out none --set compute.backend=onednn
refuses 78 'bf16 needs .*oneDNN, not part of this build' train small.ini --out none --set compute.precision=bf16
[ ! -e none ] || wrong "a refused run leaves a folder"
checked "JPEG and NPZ are refused with 66, oneDNN and bf16 with 78"
