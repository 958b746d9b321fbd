#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# verify finds damage, resume skips damaged checkpoints, diff compares two checkpoints.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

# fails CODE PATTERN NAME ARGUMENT...: the command fails with one line; NAME names the check
fails() {
    expect_one_line_error "$1" 0 "$2" "$program" "${@:4}"
    checked "$3: exit $1"
}

# lines N PATTERN: exactly N lines of stdout match
lines() {
    [ "$(grep -Ec -- "$2" out)" -eq "$1" ] || wrong "not $1 lines like '$2'"
}

# last LINE: the last line of stdout
last() {
    [ "$(tail -n 1 out)" = "$1" ] || wrong "the last line is not '$1'"
}

# flip FILE TEXT: flip the last bit of the byte after the first TEXT
flip() {
    local at byte
    at=$(LC_ALL=C grep -abom 1 -- "$2" "$1" | head -n 1)
    at=$((${at%%:*} + ${#2}))
    byte=$(od -An -tu1 -j "$at" -N 1 "$1")
    # shellcheck disable=SC2059
    printf "\\$(printf %o $((byte ^ 1)))" | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}

write_config small.ini data.source=synthetic data.train_limit=500 data.validation=100 \
    model.hidden=8 train.epochs=3 train.batch=50 checkpoint.every_epochs=1
expect_exit 0 "$program" train small.ini --out run
newest=run/checkpoints/step-00000024.h5

# --- verify

expect_exit 0 "$program" verify run
lines 3 '^good  run/checkpoints/step-000000(08|16|24)\.h5: epoch [123], step [0-9]+, SHA-256 [0-9a-f]{64}$'
lines 1 '^good  run/checkpoints/best\.h5: '
lines 1 '^good  run/metrics\.h5: 3 epochs, '
[ "$(wc -l <out)" -eq 5 ] && [ ! -s err ] || wrong "not exactly one line per file"
checked "verify of a good run"
expect_exit 0 "$program" verify $newest
lines 1 "^good  $newest: epoch 3, step 24, "
[ "$(wc -l <out)" -eq 1 ] || wrong "more than one line"
checked "verify of a good checkpoint"
expect_exit 0 "$program" verify run/metrics.h5
lines 1 '^good  run/metrics\.h5: 3 epochs, '
[ "$(wc -l <out)" -eq 1 ] || wrong "more than one line"
checked "verify of a good metrics.h5"
expect_mpi_exit 0 2 "$program" verify $newest
lines 2 '^good '
checked "verify under mpirun: every rank prints its result"

cp -R run broken
flip "broken/${newest#run/}" '[train]'
truncate -s -100 broken/checkpoints/step-00000008.h5
fails 65 'broken/checkpoints/step-00000024\.h5\): ' "verify of a damaged run" verify broken
lines 1 '^bad   .*broken/checkpoints/step-00000024\.h5\): '
lines 1 '^bad   .*broken/checkpoints/step-00000008\.h5\): '
lines 3 '^good  '
fails 65 'step-00000008\.h5' "verify of a truncated checkpoint" \
    verify broken/checkpoints/step-00000008.h5
last 'bad   broken/checkpoints/step-00000008.h5'
fails 65 'step-00000024\.h5' "diff with a damaged checkpoint" diff run broken

cp -R run no-metrics
truncate -s 3000 no-metrics/metrics.h5
fails 65 'no-metrics/metrics\.h5' "verify of a run with damaged metrics" verify no-metrics
lines 4 '^good  '

# a dangling link stands for a file that a running job removes while the folder is read
cp -R run moving
ln -s gone moving/checkpoints/step-00000032.h5
expect_exit 0 "$program" verify moving
[ "$(wc -l <out)" -eq 5 ] && [ ! -s err ] || wrong "not exactly one line per existing file"
rm moving/checkpoints/step-000000{08,16,24}.h5
expect_exit 0 "$program" verify moving
lines 2 '^good '
cp -R run moving/run
ln -s gone moving/run/checkpoints/step-00000012.h5
expect_exit 0 "$program" inspect moving/run
expect_no_text out 'step-00000012'
expect_exit 0 "$program" report moving/run
[ -s moving/run/report.html ] || wrong "no page"
! grep -q 'step-00000012' moving/run/report.html || wrong "the report names a file that was removed"
checked "checkpoints that a running job removes meanwhile are skipped"

# churn: add and remove checkpoints until the file stop exists; one always exists
churn() {
    local step=10000100
    while [ ! -e stop ]; do
        ln first.h5 "busy/checkpoints/step-$((step + 1)).h5"
        rm "busy/checkpoints/step-$step.h5"
        step=$((step + 1))
        sleep 0.01
    done
}
mkdir -p busy/checkpoints
cp $newest first.h5
ln first.h5 busy/checkpoints/step-10000100.h5
cp run/checkpoints/best.h5 busy/checkpoints
churn &
job=$!
for _ in 1 2 3 4 5 6 7 8; do
    for command in verify inspect eval "inspect --checkpoint last" "eval --checkpoint=last"; do
        # shellcheck disable=SC2086
        expect_exit 0 "$program" $command busy
        [ ! -s err ] || wrong "$command prints errors while checkpoints are added and removed"
    done
done
touch stop
wait $job
job=
checked "verify, inspect and eval while checkpoints are added and removed"

mkdir empty
fails 66 'empty' "verify of an empty folder" verify empty
fails 66 'nowhere' "verify of a missing path" verify nowhere
fails 65 'small\.ini' "verify of a text file" verify small.ini
# `--` ends the options
cp -R run ./-run
for command in verify inspect eval metrics report "diff run"; do
    # shellcheck disable=SC2086
    expect_exit 0 "$program" $command -- -run
done
cp small.ini ./-small.ini
for command in plan "train --out other" "data preview -o picture.png"; do
    # shellcheck disable=SC2086
    expect_exit 0 "$program" $command -- -small.ini
done
fails 64 '\(-run\)' "an option that is a folder" verify -run
checked "a name that begins with - after --"

fails 64 'FILE|checkpoint' "verify without arguments" verify
fails 64 'two' "verify with two arguments" verify one two
fails 64 '\-\-fast' "verify with an unknown option" verify --fast run

# --- resume uses another checkpoint of the same step, else an older one

expect_exit 0 "$program" train broken/config.ini --out broken --resume
expect_text err '^shardnet: warning: .*broken/checkpoints/step-00000024\.h5'
expect_text out 'resume .*best\.h5: epoch 3, step 24'
expect_exit 0 "$program" verify broken/checkpoints/step-00000024.h5
checked "resume skips the damaged checkpoint and writes it again"
expect_exit 0 "$program" diff run broken
last identical
checked "diff: the resumed run equals the uninterrupted one"

# --- damage at random places: verify finds it and resume skips the file, or it is harmless

# damage_and_resume NAME: verify and resume agree on damaged/, and the run can be completed
damage_and_resume() {
    local file=damaged/${newest#run/} found=
    run "$program" verify "$file"
    case $code in
    65) found=yes ;;
    0) ;;
    *) wrong "exit code $code of verify: $1" ;;
    esac
    rm damaged/checkpoints/best.h5
    expect_exit 0 "$program" train small.ini --out damaged --resume
    if [ -n "$found" ]; then
        expect_text err "^shardnet: warning: .*$file.*skipped"
        expect_text out 'resume .*step-00000016\.h5'
        damages=$((damages + 1))
    else
        expect_text out 'resume .*step-00000024\.h5'
        [ ! -s err ] || wrong "resume warns about a file that verify reports as good: $1"
    fi
    expect_exit 0 "$program" verify damaged
    expect_exit 0 "$program" diff run damaged
    last identical
}

RANDOM=12 damages=0
bytes=$(stat -c %s $newest)
for _ in 1 2 3 4 5 6 7 8; do
    rm -rf damaged
    cp -R run damaged
    at=$((RANDOM * 32768 + RANDOM))
    at=$((at % bytes))
    byte=$(od -An -tu1 -j $at -N 1 $newest)
    # shellcheck disable=SC2059
    printf "\\$(printf %o $((byte ^ (1 + RANDOM % 255))))" |
        dd of="damaged/${newest#run/}" bs=1 seek=$at conv=notrunc status=none
    damage_and_resume "byte $at"
done
[ $damages -ge 2 ] || wrong "only $damages of 8 changes were found"
changes=$damages damages=0
for _ in 1 2 3 4; do
    rm -rf damaged
    cp -R run damaged
    at=$((RANDOM * 32768 + RANDOM))
    truncate -s $((at % bytes)) "damaged/${newest#run/}"
    damage_and_resume "cut to $((at % bytes)) bytes"
done
[ $damages -eq 4 ] || wrong "only $damages of 4 truncations were found"
checked "$changes of 8 changed bytes found, the others harmless; 4 of 4 truncations found"

# h5py changes an attribute, so that every checksum of the file is valid
if find_python "attributes changed by a tool" h5py; then
    expect_exit 0 "$program" verify --help
    expect_text out 'not cover the comments for people: the attributes meaning'
    # each attribute is changed in a separate copy of the file
    cat >attributes.py <<'PYTHON'
import shutil
import sys

import h5py
import numpy


def change(group, name):
    attribute = h5py.h5a.open(group.id, name.encode())
    value = numpy.zeros((), attribute.dtype)
    attribute.read(value)
    if value.dtype.kind == "S":
        text = value[()]
        value[()] = (b"y" if text[:1] == b"x" else b"x") + text[1:]
    else:
        value[()] += 1
    attribute.write(value)


found = []
with h5py.File(sys.argv[1], "r") as file:
    found += [("/", name) for name in file.attrs]
    file.visititems(lambda path, group: found.extend((path, name) for name in group.attrs))
for number, (path, name) in enumerate(found):
    shutil.copy(sys.argv[1], f"attribute-{number}.h5")
    with h5py.File(f"attribute-{number}.h5", "r+") as file:
        change(file[path], name)
    print(number, path, name)
PYTHON
    expect_exit 0 "$python" attributes.py $newest
    cp out attributes
    covered=0 notes=0
    while read -r number path name; do
        run "$program" verify "attribute-$number.h5"
        case $name in
        meaning | dimensions | unit | units) expected=0 notes=$((notes + 1)) ;;
        *) expected=65 covered=$((covered + 1)) ;;
        esac
        [ "$code" -eq $expected ] || wrong "exit code $code, not $expected: attribute $name of $path changed"
    done <attributes
    [ $covered -ge 25 ] && [ $notes -eq 25 ] || wrong "$covered and $notes attributes"
    checked "a change to any of $covered attributes is found; $notes attributes are excluded, as --help states"
fi

# --- diff

expect_exit 0 "$program" diff $newest $newest
last identical
lines 5 '^(configuration|progress|data|model|file): identical$'
lines 8 '^  /(model|optimizer)/layer[01]/(weight|bias) +identical$'
expect_no_text out 'differ'
checked "diff of a file with itself"

expect_exit 0 "$(dirname -- "$program")/tests/foreign_checkpoint" $newest velocity.h5 velocity
expect_exit 1 "$program" diff $newest velocity.h5
lines 1 '^  /optimizer/layer1/bias +1 of 10 differ, '
lines 7 '^  /(model|optimizer)/layer[01]/(weight|bias) +identical$'
last different
rm velocity.h5
checked "diff of two files that differ in one velocity"

expect_exit 1 "$program" diff run/checkpoints/step-00000008.h5 run
lines 1 "^B: $newest$"
lines 1 '^  step: 8 -> 24$'
lines 1 '^  epoch: 1 -> 3$'
lines 1 '^configuration: identical$'
lines 1 '^data: identical$'
lines 1 '^  /model/layer0/weight +[0-9]+ of 6272 differ, max absolute [0-9.e-]+, max relative [0-9.e-]+$'
lines 1 '^  /optimizer/layer1/bias +10 of 10 differ, '
last different
[ ! -s err ] || wrong "diff reports a difference as an error"
checked "diff of two checkpoints of a run"

expect_exit 0 "$program" train small.ini --out wide --set model.hidden=9 \
    --set optimizer.learning_rate=0.25 --set train.epochs=1 --set train.seed=7
expect_exit 1 "$program" diff run wide
lines 1 '^  model\.hidden: 8 -> 9$'
lines 1 '^  optimizer\.learning_rate: .* -> 0\.25$'
lines 1 '^  train\.seed: [0-9]+ -> 7$'
lines 1 '^  /model/layer0/weight +other shape: 8 x 784 -> 9 x 784$'
lines 1 '^  /model/layer0/bias +other shape: 8 -> 9$'
last different
expect_exit 0 "$program" train small.ini --out deep --set "model.hidden=8,8" --set train.epochs=1
expect_exit 1 "$program" diff run deep
lines 1 '^  layers: 2 -> 3$'
lines 1 '^  /optimizer/layer2/bias +other shape: none -> 10$'
last different
checked "diff of other networks"

if [ -e /dev/full ]; then
    expect_exit 74 bash -c '"$0" diff run deep >/dev/full' "$program"
fi
fails 66 'nowhere' "diff with a missing path" diff run nowhere
fails 66 'empty' "diff with an empty folder" diff empty run
fails 64 'missing argument \(B\)' "diff with one argument" diff run
fails 64 'too many' "diff with three arguments" diff run run run
