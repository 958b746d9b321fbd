#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Somebody has planted symbolic links where the program writes its files: it replaces them, and
# the files that they point to stay as they are.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

write_config small.ini data.source=synthetic data.train_limit=100 data.validation=20 \
    model.hidden=4 train.epochs=1 train.batch=50 augment.kind=elastic
mkdir victims

# plant LINK...: each link points to a file of its own below victims
plant() {
    local link
    for link in "$@"; do
        echo precious >"victims/${link##*/}"
        ln -s "$scratch/victims/${link##*/}" "$link"
    done
}

# unharmed LINK...: their targets have not changed, and the links are gone
unharmed() {
    local link
    for link in "$@"; do
        [ "$(cat -- "victims/${link##*/}")" = precious ] || wrong "$link: the file behind the link has changed"
        [ ! -L "$link" ] || wrong "$link is still a link"
    done
}

# replaced LINKS COMMAND...
replaced() {
    local links=$1
    # shellcheck disable=SC2086
    plant $links
    expect_exit 0 "${@:2}"
    # shellcheck disable=SC2086
    unharmed $links
    checked "${*:2:3}: links at $links"
}

mkdir -p run/checkpoints idx
replaced "run/config.ini.tmp run/metrics.h5.tmp run/checkpoints/best.h5.tmp run/checkpoints/step-00000002.h5.tmp" \
    "$program" train small.ini --out run
replaced run/report.html.tmp "$program" report run
replaced picture.png.tmp "$program" data preview small.ini -o picture.png
replaced "idx/train-images-idx3-ubyte.tmp idx/t10k-labels-idx1-ubyte.tmp" \
    "$program" data synth idx --train 20 --test 10
mkdir locked
plant locked/.lock
expect_one_line_error 73 0 'run \(locked\): \.lock is not a lock file; remove it' \
    "$program" train small.ini --out locked
[ "$(cat victims/.lock)" = precious ] || wrong "the lock is written through a link"
checked "train: a link at .lock is refused"

gzip -c /dev/null >pixel.gz
mkdir fetched mirror
for name in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do
    cp pixel.gz "mirror/$name-ubyte.gz"
done
# data fetch adds its process number to the names
cat >fetch.sh <<'EOF'
for end in gz.tmp tmp; do
    echo precious >"victims/$end"
    ln -s "$PWD/victims/$end" "fetched/train-images-idx3-ubyte.$$.$end"
done
exec "$1" data fetch fetched --from "file://$PWD/mirror"
EOF
expect_exit 65 bash fetch.sh "$program"
expect_text err 'wrong checksum'
for end in gz.tmp tmp; do
    [ "$(cat "victims/$end")" = precious ] || wrong "data fetch writes through a link .$end"
done
checked "data fetch: links at both temporary files"
