#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# jobs/sweep.sh trains every combination, continues what a signal stopped, and refuses bad grids.
# jobs/results.sh summarises such runs.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"
export SHARDNET=$program RANKS=1
sweep=$source_root/jobs/sweep.sh

write_config small.ini data.source=synthetic data.train_limit=400 model.hidden=16 train.epochs=2 \
    train.batch=50 data.validation=100
expect_exit 0 "$sweep" small.ini grid learning_rate=0.05,0.2 train.seed=1..2 hidden=8+6 -- --quiet
ls grid >runs
printf 'optimizer.learning_rate=%s,train.seed=%s,model.hidden=8+6\n' 0.05 1 0.05 2 0.2 1 0.2 2 |
    cmp - runs || wrong "other runs: $(cat runs)"
[ "$(grep -Ec '^ +[1-4] .* 2 +2 .*model.hidden=8\+6$' out)" -eq 4 ] || wrong "not four finished runs in the table"
grep -Eq '^ *hidden *= *8, ?6$' grid/optimizer.learning_rate=0.2,train.seed=1,model.hidden=8+6/config.ini ||
    wrong "another network"
[ ! -s err ] || wrong "a note about validation samples"
checked "two rates, two seeds, one network of two layers: four runs and a table"

before=$(sha256sum grid/*/checkpoints/*.h5)
expect_exit 0 "$sweep" small.ini grid learning_rate=0.05,0.2,0.4 seed=1..2 hidden=8+6 -- --quiet
[ "$(find grid -mindepth 1 -maxdepth 1 -type d | wc -l)" -eq 6 ] || wrong "not six runs"
sha256sum --quiet -c <<<"$before" || wrong "a finished run changed"
checked "a third rate: two more runs, the finished ones stay as they are"

summary=$source_root/jobs/results.sh
expect_exit 0 "$summary" small.ini grid optimizer.learning_rate=0.05 2 1 -- --set model.hidden=8
mv out summary
expect_text summary '^command +jobs/results.sh configs/small.ini FOLDER optimizer.learning_rate=0.05 2 1 -- --set model.hidden=8$'
runs=(grid/optimizer.learning_rate=0.05","train.seed={2,1})
sum=0
for run in "${runs[@]}"; do
    percent=$("$program" eval "$run" --json | sed -n 's/.*"error": *\([0-9.e-]*\).*/\1/p' | awk '{ printf "%.2f", 100 * $1 }')
    digest=$("$program" inspect "$run" | sed -n 's/^digest  *\([0-9a-f]*\).*/\1/p')
    expect_text summary "^${run#grid/} +$percent +2 +[0-9]+  $digest\$"
    sum=$(awk "BEGIN { print $sum + $percent }")
done
expect_text summary "^error +$(awk "BEGIN { printf \"%.2f\", $sum / 2 }") % of the test images, mean of 2 runs\$"
together=$("$program" eval "${runs[@]}" --json | sed -n 's/.*"error": *\([0-9.e-]*\), "loss": [^]]*}$/\1/p')
expect_text summary "^committee +$(awk "BEGIN { printf \"%.2f\", 100 * $together }") %"
checked "results.sh: the rows, their mean and the committee are those of eval"

start 0 "$sweep" small.ini stopped seed=1..2 -- --set train.epochs=900000 --set train.eval_every=1000000
wait_for '^epoch 3/'
kill -TERM "$job" # a shell's background jobs ignore SIGINT
finish
[ "$code" -eq 75 ] || wrong "exit code $code instead of 75"
[ "$(ls stopped)" = train.seed=1 ] || wrong "other runs: $(ls stopped)"
expect_exit 0 "$program" verify stopped/train.seed=1
checked "SIGTERM: the run writes a checkpoint, the script ends with 75"

for words in 'batch=50 -- --set data.validation=0' 'data.validation=0'; do
    # shellcheck disable=SC2086
    expect_exit 0 "$sweep" small.ini unranked $words
    expect_text err '^== no validation samples: '
done
checked "without validation samples: a note before the runs"

expect_exit 78 "$sweep" small.ini failing batch=50,0,25 -- --quiet
expect_text err '^sweep\.sh: train\.batch=0 ended with 78$'
[ "$(grep -Ec '^ +[12] .* 2 +2 .*train.batch=' out)" -eq 2 ] || wrong "not two finished runs in the table"
checked "a run that fails: its exit code, and the others are trained"

# refused PATTERN WORD...
refused() {
    expect_exit 64 "$sweep" small.ini bad "${@:2}"
    expect_text err "$1"
    [ ! -e bad ] || wrong "the folder exists"
}
refused 'no key rate' rate=1
refused 'in several sections: use one of checkpoint\.every_steps metrics\.every_steps' every_steps=5
refused 'is not KEY=VALUES' seed
refused 'an empty value' seed=1,,2
refused 'is not a range' seed=3..1
refused 'usage' -- --quiet
expect_exit 66 "$sweep" missing.ini bad seed=1
checked "grids that mean nothing: one line, 64"
