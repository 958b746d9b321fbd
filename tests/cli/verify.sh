#!/usr/bin/env bash
# verify finds damage, resume passes it over, diff tells two checkpoints apart.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
setup_test "$@"
cd -- "$scratch"

# fails CODE PATTERN WHAT ARGUMENT...
fails() {
    expect_one_line_error "$1" 0 "$2" "$program" "${@:4}"
    checked "$3: exit $1"
}

# lines N PATTERN: of stdout
lines() {
    [ "$(grep -Ec -- "$2" out)" -eq "$1" ] || wrong "not $1 lines like '$2'"
}

# last LINE: of stdout
last() {
    [ "$(tail -n 1 out)" = "$1" ] || wrong "the last line is not '$1'"
}

# flip FILE TEXT: the last bit of the byte behind the first TEXT
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
[ "$(wc -l <out)" -eq 5 ] && [ ! -s err ] || wrong "other lines than one a file"
checked "verify of a good run"
expect_exit 0 "$program" verify $newest
lines 1 "^good  $newest: epoch 3, step 24, "
[ "$(wc -l <out)" -eq 1 ] || wrong "more than one line"
checked "verify of a good checkpoint"
expect_mpi_exit 0 2 "$program" verify $newest
lines 1 '^good '
checked "verify under mpirun speaks once"

cp -R run broken
flip "broken/${newest#run/}" '[train]'
truncate -s -100 broken/checkpoints/step-00000008.h5
fails 65 'broken/checkpoints/step-00000024\.h5\): ' "verify of a damaged run" verify broken
lines 1 '^bad   .*broken/checkpoints/step-00000024\.h5\): '
lines 1 '^bad   .*broken/checkpoints/step-00000008\.h5\): '
lines 3 '^good  '
fails 65 'step-00000008\.h5' "verify of a truncated checkpoint" \
    verify broken/checkpoints/step-00000008.h5
fails 65 'step-00000024\.h5' "diff with a damaged checkpoint" diff run broken

cp -R run no-metrics
truncate -s 3000 no-metrics/metrics.h5
fails 65 'no-metrics/metrics\.h5' "verify of a run with damaged metrics" verify no-metrics
lines 4 '^good  '

mkdir empty
fails 66 'empty' "verify of an empty folder" verify empty
fails 66 'nowhere' "verify of nothing" verify nowhere
fails 65 'small\.ini' "verify of a text file" verify small.ini
fails 64 'FILE|checkpoint' "verify without arguments" verify
fails 64 'two' "verify of two" verify one two
fails 64 '\-\-fast' "verify with an unknown option" verify --fast run

# --- resume uses the older one

expect_exit 0 "$program" train broken/config.ini --out broken --resume
expect_text err '^shardnet: warning: .*broken/checkpoints/step-00000024\.h5'
expect_text out 'resume .*step-00000016\.h5'
expect_exit 0 "$program" verify broken/checkpoints/step-00000024.h5
checked "resume passes the damaged checkpoint over and writes it anew"
expect_exit 0 "$program" diff run broken
last identical
checked "diff: the resumed run is the uninterrupted one"

# --- diff

expect_exit 0 "$program" diff $newest $newest
last identical
lines 5 '^(configuration|progress|data|model|file): identical$'
lines 8 '^  /(model|optimizer)/layer[01]/(weight|bias) +identical$'
expect_no_text out 'differ'
checked "diff of a file with itself"

expect_exit 0 "$program" diff run/checkpoints/step-00000008.h5 run
lines 1 "^B: $newest$"
lines 1 '^  step: 8 -> 24$'
lines 1 '^  epoch: 1 -> 3$'
lines 1 '^configuration: identical$'
lines 1 '^data: identical$'
lines 1 '^  /model/layer0/weight +[0-9]+ of 6272 differ, max absolute [0-9.e-]+, max relative [0-9.e-]+$'
lines 1 '^  /optimizer/layer1/bias +10 of 10 differ, '
last different
checked "diff of two checkpoints of a run"

expect_exit 0 "$program" train small.ini --out wide --set model.hidden=9 \
    --set optimizer.learning_rate=0.25 --set train.epochs=1 --set train.seed=7
expect_exit 0 "$program" diff run wide
lines 1 '^  model\.hidden: 8 -> 9$'
lines 1 '^  optimizer\.learning_rate: .* -> 0\.25$'
lines 1 '^  train\.seed: [0-9]+ -> 7$'
lines 1 '^  /model/layer0/weight +other shape: 8 x 784 -> 9 x 784$'
lines 1 '^  /model/layer0/bias +other shape: 8 -> 9$'
last different
expect_exit 0 "$program" train small.ini --out deep --set "model.hidden=8,8" --set train.epochs=1
expect_exit 0 "$program" diff run deep
lines 1 '^  layers: 2 -> 3$'
lines 1 '^  /optimizer/layer2/bias +other shape: none -> 10$'
last different
checked "diff of other networks"

fails 66 'nowhere' "diff with nothing" diff run nowhere
fails 66 'empty' "diff with an empty folder" diff empty run
fails 64 'two' "diff of one" diff run
fails 64 'too many' "diff of three" diff run run run
