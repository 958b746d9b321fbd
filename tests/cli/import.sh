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
find_python "import" numpy PIL || exit 77
expect_exit 0 "$python" "$source_root/tests/cli/import_data.py" "$mnist" "$scratch"

# import_set SOURCE [OPTION...]: imports into the folder "imported"
import_set() {
    rm -rf imported
    expect_exit 0 "$program" data import "${@:2}" "$1" imported
    [ "$(find imported -type f | wc -l)" -eq 5 ] || wrong "not four files and a preview from $1"
    [ "$(od -An -tx1 -N 4 imported/preview.png)" = " 89 50 4e 47" ] || wrong "no preview from $1"
}
# use_set: trains an epoch on the imported set, and predicts a picture
use_set() {
    local name=("$1"/train/7/*)
    rm -rf run
    expect_exit 0 "$program" train imported.ini --out run
    expect_exit 0 "$program" predict run "${name[0]}"
}
# gives EXPECTED SOURCE [OPTION...]: the import has the bytes of the folder EXPECTED
gives() {
    local name
    import_set "${@:2}"
    for name in imported/*-ubyte; do
        cmp "$name" "$1/${name##*/}" >out 2>err || wrong "$name differs from $1, from $2"
    done
    use_set pictures-pgm
}
# refuses CODE PATTERN ARGUMENT...: one line, and no file
refuses() {
    rm -rf refused
    expect_one_line_error "$1" 0 "$2" "$program" data import "${@:3}" refused
    [ ! -e refused ] || [ -z "$(find refused -type f)" ] || wrong "files are left: ${*:3}"
}

write_config imported.ini data.source=idx data.dir=imported model.hidden=8 train.epochs=1 train.batch=50
gives expected dots
gives expected gzip/emnist-digits --transpose
gives expected qmnist
gives expected csv
gives ordered pictures-pgm
gives ordered pictures-png
checked "IDX with dots, EMNIST, QMNIST, CSV and pictures give the same bytes; each is trained on, and a picture predicted"

if ! "$program" data import mnist.npz npz >out 2>err && grep -q "has no libzip" err; then
    refuses 66 "no libzip.*libzip-dev" mnist.npz
    checked "a build without libzip refuses NPZ"
else
    gives expected mnist.npz
    gives expected wide.npz
    refuses 65 "large.npz\): y_train.npy: row 4 is not 0 to 255" large.npz
    head -c 60000 mnist.npz >cut.npz
    refuses 65 "cut.npz" cut.npz
    refuses 65 "signed.npz\): y_train.npy: its elements are not bytes" signed.npz
    refuses 65 "swapped.npz\): y_test.npy: its elements are not bytes" swapped.npz
    refuses 65 "fortran.npz\): x_train.npy: its order is not C" fortran.npz
    checked "NPZ, compressed or not, with labels of 1 or 8 bytes"
fi

if ! "$program" data import pictures-jpg jpg >out 2>err && grep -q "no libjpeg-turbo" err; then
    refuses 66 "no libjpeg-turbo.*libjpeg-dev" pictures-jpg
    checked "a build without libjpeg-turbo refuses JPEG"
else
    import_set pictures-jpg
    cmp imported/train-labels-idx1-ubyte ordered/train-labels-idx1-ubyte || wrong "labels of JPEG"
    # sharp digits of 28 x 28 lose a little in JPEG
    "$python" - {imported,ordered}/train-images-idx3-ubyte >out 2>err <<'END' || wrong "pixels of JPEG"
import sys, numpy
a, b = (numpy.fromfile(name, numpy.uint8)[16:].astype(float) for name in sys.argv[1:])
sys.exit(not 0 < numpy.abs(a - b).mean() < 6)
END
    use_set pictures-jpg
    checked "a folder of JPEG pictures"
fi

import_set gzip/emnist-letters --transpose
use_set pictures-png
expect_exit 0 "$program" data import --transpose gzip/emnist-letters letters
expect_text out '^note +class 0 is empty'
expect_text out '^images +28 x 28, 11 classes'
expect_exit 0 "$program" data import --test-fraction 0.1 csv/mnist_train.csv parted
expect_text out '^test +2[0-9] samples'
expect_one_line_error 73 0 "data set exists .*--force" "$program" data import dots parted
expect_exit 0 "$program" data import --force dots parted
cmp parted/train-images-idx3-ubyte expected/train-images-idx3-ubyte || wrong "--force"
checked "labels from 1, --test-fraction, --force"

expect_exit 0 "$program" data import --test-fraction 0.5 many.csv many
expect_text out '^    256 labels: fewest 0 \(label 7\), most 2 \(label 100\)$'
expect_text out '^note +class 9 is empty'
[ "$(wc -l <out)" -lt 20 ] || wrong "a long list of 256 classes"
checked "256 classes are summarized"

write_config letters.ini data.source=mnist data.dir=letters
expect_one_line_error 65 0 "has label 1[0-9]*, so that this is not MNIST; set data.source = idx" \
    "$program" train letters.ini --out none
write_config many.ini data.source=mnist data.dir=many
expect_one_line_error 65 0 "images are 2 x 2, not 28 x 28; set data.source = idx" \
    "$program" train many.ini --out none
checked "source = mnist refuses other data"

# a limit on the size of files acts like a full disk
expect_one_line_error 74 0 "images-idx3-ubyte" bash -c 'ulimit -f 100 && exec "$@"' - \
    "$program" data import dots full
[ -z "$(ls full)" ] || wrong "a full disk leaves files"
expect_exit 0 "$program" data import dots again
mv again/t10k-labels-idx1-ubyte{,.tmp}
for command in "data check again" "train again.ini --out none"; do
    write_config again.ini data.dir=again
    # shellcheck disable=SC2086
    expect_one_line_error 66 0 "unfinished data set .*run .shardnet data import. again" "$program" $command
done
expect_exit 0 "$program" data import dots again
checked "a full disk leaves nothing; an interrupted import is recognised and may be repeated"

expect_one_line_error 66 0 "it has IDX files; run .shardnet data import dots NEW_DIR" \
    "$program" data check dots
mkdir text none-here && : >text/notes.txt
expect_one_line_error 66 0 "it has CSV tables; run .*--test-fraction 0.1 csv/mnist_train.csv NEW_DIR" \
    "$program" data check csv/mnist_train.csv
expect_one_line_error 66 0 "notes.txt\): its format is unknown" "$program" data check text/notes.txt
expect_one_line_error 66 0 "it has notes.txt;" "$program" data check text
refuses 66 "it has notes.txt;" text
checked "data check names what is there and the command that imports it"

refuses 64 "no test set .*--test-fraction" csv/mnist_train.csv
refuses 64 "has a test set" --test-fraction 0.1 dots
refuses 66 "it does not exist" none
refuses 66 "it has emnist-.*;" gzip
refuses 66 "it has no files" none-here
mkdir -p "two sorts"
cp -R pictures-pgm/train/3 "two sorts/cat, old"
cp -R pictures-pgm/train/7 "two sorts/dog's"
mkdir "two sorts/__MACOSX"
touch "two sorts/desktop.ini" "two sorts/dog's/Thumbs.db" "two sorts/dog's/.DS_Store"
expect_exit 0 "$program" data import --test-fraction 0.5 "two sorts" "new set"
expect_text out "^class   0 is cat, old$"
expect_text out "^class   1 is dog's$"
cp -R "two sorts" "it's"
expect_one_line_error 66 0 "--test-fraction 0.1 'it'\\\\''s' NEW_DIR" "$program" data check "it's"
for dir in "it's" "it's/idx"; do # the new files lie in the source
    expect_exit 0 "$program" data import --test-fraction 0.5 "it's" "$dir"
    [ "$(grep -c "^class " out)" -eq 2 ] || wrong "other classes: $(grep "^class " out)"
    rm "$dir"/*-ubyte "$dir/preview.png"
done
mkdir -p blocked/preview.png
expect_exit 0 "$program" data import dots blocked
expect_text err '^shardnet: warning: .*blocked/preview\.png'
"$python" - <<'END'
import struct
for name, count in ("train", 120), ("t10k", 60):
    with open(f"tall-{name}-images-idx3-ubyte", "wb") as file:
        file.write(struct.pack(">IIII", 0x803, count, 7000, 1) + bytes(7000 * count))
    with open(f"tall-{name}-labels-idx1-ubyte", "wb") as file:
        file.write(struct.pack(">II", 0x801, count) + bytes(i % 60 for i in range(count)))
END
mkdir tall
for name in tall-*; do
    mv "$name" "tall/${name#tall-}"
done
import_set tall
[ ! -s err ] || wrong "no preview of tall images: $(cat err)"
checked "names with spaces, commas and quotes, beside files of other systems; classes; previews"
sed '3s/,0,/,256,/' csv/mnist_train.csv >pixel.csv
refuses 65 "pixel.csv\): line 3: a pixel is not a number 0 to 255" --test-fraction 0.1 pixel.csv
sed '4s/,0,/,/' csv/mnist_train.csv >short.csv
refuses 65 "short.csv\): line 4: it has fewer columns" --test-fraction 0.1 short.csv
sed 's/^label,//' csv/mnist_train.csv >bare.csv
refuses 65 "no labels .*'pixel0'" --test-fraction 0.1 bare.csv
sed 1d csv/mnist_train.csv >headless.csv
refuses 65 "line 1: it is no header; .* put the line label,pixel0" --test-fraction 0.1 headless.csv
name=$'caf\xe9.csv'
head -c 9000 csv/mnist_train.csv >"$name"
refuses 65 "line 4: it has fewer columns|line [0-9]+: " --test-fraction 0.1 "$name"
truncate -s 1000 qmnist/qmnist-train-labels-idx2-int
refuses 65 "labels-idx2-int\): row 30: it is cut off" qmnist
printf 'P5 2 2 255\nabcd' >pictures-pgm/train/3/small.pgm
refuses 65 "3/small.pgm\): it has 2 x 2 pixels" pictures-pgm
printf 'P5 28 28 255\nabcd' >pictures-pgm/train/3/small.pgm
refuses 65 "3/small.pgm" pictures-pgm
cp -R expected labels
name=t10k-labels-idx1-ubyte
{ head -c 8 expected/$name && printf '\377' && tail -c +10 expected/$name; } >labels/$name
refuses 65 "labels\): test sample 0 has label 255, but the largest label of the training set is 9" labels
checked "bad input: one line with file, row and reason, no file is left"
