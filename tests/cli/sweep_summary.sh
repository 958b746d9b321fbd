#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# jobs/sweep-summary.sh ranks runs by validation error, never by test error.
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
[ "$(wc -l <out)" -eq 4 ] || wrong "not a header and three runs"
tail -n +2 out | awk '{ print $3 }' >order
sort -g order | cmp -s - order || wrong "the rows are not sorted by validation error"
[ "$(head -n 1 order)" != "$(tail -n 1 order)" ] || wrong "all validation errors are the same"
[ "$(sed -n 4p out | awk '{ print $NF }')" = rate-0.0001 ] || wrong "the worst run is not the last"
checked "three runs, the lowest validation error first"

rm -r sweep/rate-0.2 sweep/rate-0.05
for task in 2 1; do
    expect_exit 0 "$program" train small.ini --set data.validation=0 --set train.seed=$task --quiet \
        --out "sweep/$task-no-validation"
done
expect_exit 0 env SHARDNET="$program" "$source_root/jobs/sweep-summary.sh" sweep
[ "$(awk 'NR > 1 { print $NF }' out | paste -sd ' ')" = \
    "rate-0.0001 1-no-validation 2-no-validation" ] || wrong "runs without validation are not last, by name"
checked "runs without a validation error come last, in the order of their names"

expect_exit 0 "$program" train small.ini --quiet --out large/run --set model.hidden= \
    --set optimizer.learning_rate=1e6
expect_exit 0 env SHARDNET="$program" "$source_root/jobs/sweep-summary.sh" large
expect_text out '^ +2 +[0-9.]+e\+[0-9]+ '
checked "a large loss has four digits"
