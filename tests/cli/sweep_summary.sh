#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# jobs/sweep-summary.sh compares the runs of a folder, and leaves out what is none.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

write_config small.ini data.source=synthetic data.train_limit=400 model.hidden=16 train.epochs=2 \
    train.batch=50 data.validation=100
for rate in 0.0001 0.2 0.05; do
    expect_exit 0 "$program" train small.ini --set "optimizer.learning_rate=$rate" --quiet \
        --out "sweep/rate-$rate"
done
expect_exit 0 env SHARDNET="$program" "$source_root/jobs/sweep-summary.sh" sweep
# results: prints the rows of the first table
results() { sed -n '2,/^$/{/./p}' out; }
[ "$(results | wc -l)" -eq 3 ] || wrong "not three runs"
results | awk '{ print $2 }' >order
sort -g order | cmp -s - order || wrong "the rows are not sorted by validation error"
[ "$(head -n 1 order)" != "$(tail -n 1 order)" ] || wrong "all validation errors are the same"
[ "$(results | awk 'END { print $NF }')" = rate-0.0001 ] || wrong "the worst run is not the last"
expect_text out '^rank  optimizer\.learning_rate  run$'
checked "three runs, the lowest validation error first"

rm -r sweep/rate-0.2 sweep/rate-0.05
for task in 2 1; do
    expect_exit 0 "$program" train small.ini --set data.validation=0 --set train.seed=$task --quiet \
        --out "sweep/$task-no-validation"
done
expect_exit 0 env SHARDNET="$program" "$source_root/jobs/sweep-summary.sh" sweep
[ "$(results | awk '{ print $NF }' | paste -sd ' ')" = \
    "rate-0.0001 1-no-validation 2-no-validation" ] || wrong "runs without validation are not last, by name"
checked "runs without a validation error come last, in the order of their names"

mkdir sweep/new sweep/damaged
cp sweep/rate-0.0001/config.ini sweep/damaged
echo damaged >sweep/damaged/metrics.h5
expect_exit 0 env SHARDNET="$program" "$source_root/jobs/sweep-summary.sh" sweep
[ "$(results | wc -l)" -eq 3 ] || wrong "not the three runs with metrics"
expect_text err '^shardnet: error: .*damaged/metrics\.h5'
expect_exit 66 env SHARDNET="$program" "$source_root/jobs/sweep-summary.sh" sweep/new
expect_exit 66 env SHARDNET="$program" "$source_root/jobs/sweep-summary.sh" none
checked "a new run and damaged metrics hide no other run"
