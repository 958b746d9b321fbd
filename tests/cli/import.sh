#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# data import: images of MNIST in the forms of other data sets give the same IDX files; bad
# input is one line that names file, row and reason, and leaves no file.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

[ -n "$mnist" ] || lack "SHARDNET_DATA is not set"
python=
find_python "import" numpy || exit 77
expect_exit 0 "$python" "$source_root/tests/cli/import_data.py" "$mnist" "$scratch"

# gives EXPECTED SOURCE [OPTION...]: the import has the bytes of the folder EXPECTED
gives() {
    local name
    rm -rf imported
    expect_exit 0 "$program" data import "${@:3}" "$2" imported
    [ "$(find imported -type f | wc -l)" -eq 4 ] || wrong "not four files from $2"
    for name in imported/*; do
        cmp "$name" "$1/${name##*/}" >out 2>err || wrong "$name differs from $1, from $2"
    done
}
# refuses CODE PATTERN ARGUMENT...: one line, and no file
refuses() {
    rm -rf refused
    expect_one_line_error "$1" 0 "$2" "$program" data import "${@:3}" refused
    [ ! -e refused ] || [ -z "$(find refused -type f)" ] || wrong "files are left: ${*:3}"
}

gives expected dots
gives expected gzip/emnist-digits --transpose
gives expected qmnist
gives expected csv
gives ordered pictures
checked "IDX with dots, EMNIST, QMNIST, CSV and pictures give the same bytes, plain and gzip"

if ! "$program" data import mnist.npz npz >out 2>err && grep -q "has no libzip" err; then
    skip_part "NPZ: no libzip (Debian: libzip-dev)"
else
    gives expected mnist.npz
    gives expected wide.npz
    refuses 65 "large.npz\): y_train.npy: row 4 is not 0 to 255" large.npz
    head -c 60000 mnist.npz >cut.npz
    refuses 65 "cut.npz" cut.npz
    checked "NPZ, compressed or not, with labels of 1 or 8 bytes"
fi

expect_exit 0 "$program" data import --transpose gzip/emnist-letters letters
expect_text out '^note +class 0 is empty'
expect_text out '^images +28 x 28, 11 classes'
expect_exit 0 "$program" data import --test-fraction 0.1 csv/mnist_train.csv parted
expect_text out '^test +2[0-9] samples'
expect_one_line_error 73 0 "data set exists .*--force" "$program" data import dots parted
expect_exit 0 "$program" data import --force dots parted
cmp parted/train-images-idx3-ubyte expected/train-images-idx3-ubyte || wrong "--force"
checked "labels from 1, --test-fraction, --force"

expect_one_line_error 66 0 "it has IDX files; run .shardnet data import 'dots' NEW_DIR" \
    "$program" data check dots
mkdir text && : >text/notes.txt
expect_one_line_error 66 0 "it has notes.txt;" "$program" data check text
checked "data check names what is there and the command that imports it"

write_config one.ini data.source=idx data.dir=parted model.hidden=8 train.epochs=1 train.batch=50
expect_exit 0 "$program" train one.ini --out run
expect_exit 0 "$program" predict run pictures/test/7/00000.pgm
checked "an imported set is trained on, and a picture of it predicted"

refuses 64 "no test set .*--test-fraction" csv/mnist_train.csv
refuses 64 "has a test set" --test-fraction 0.1 dots
refuses 66 "it does not exist" none
refuses 66 "its format is unknown" gzip
sed '3s/,0,/,256,/' csv/mnist_train.csv >pixel.csv
refuses 65 "pixel.csv\): line 3: a pixel is not a number 0 to 255" --test-fraction 0.1 pixel.csv
sed '4s/,0,/,/' csv/mnist_train.csv >short.csv
refuses 65 "short.csv\): line 4: it has fewer columns" --test-fraction 0.1 short.csv
sed 's/^label,//' csv/mnist_train.csv >bare.csv
refuses 65 "no labels .*'pixel0'" --test-fraction 0.1 bare.csv
name=$'caf\xe9.csv'
head -c 9000 csv/mnist_train.csv >"$name"
refuses 65 "line 4: it has fewer columns|line [0-9]+: " --test-fraction 0.1 "$name"
truncate -s 1000 qmnist/qmnist-train-labels-idx2-int
refuses 65 "labels-idx2-int\): row 30: it is cut off" qmnist
refuses 65 "signed.npz\): y_train.npy: its elements are not bytes" signed.npz
refuses 65 "swapped.npz\): y_test.npy: its elements are not bytes" swapped.npz
refuses 65 "fortran.npz\): x_train.npy: its order is not C" fortran.npz
printf 'P5 2 2 255\nabcd' >pictures/train/3/small.pgm
refuses 65 "3/small.pgm\): it has 2 x 2 pixels" pictures
printf 'P5 28 28 255\nabcd' >pictures/train/3/small.pgm
refuses 65 "3/small.pgm" pictures
checked "bad input: one line with file, row and reason, no file is left"
