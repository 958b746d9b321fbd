#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The number of ranks changes the result by rounding only.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

# 77 = 3 * 25 + 2 = 4 * 19 + 1 = 5 * 15 + 2; the last batch of an epoch is shorter still
write_config small.ini data.source=synthetic data.train_limit=3000 data.validation=501 \
    model.hidden=24 model.dropout_hidden=0.2 optimizer.l2=1e-5 train.epochs=2 train.batch=77
expect_mpi_exit 0 1 "$program" train small.ini --out ranks-1
for ranks in 2 3 4 5; do
    expect_mpi_exit 0 $ranks "$program" train small.ini --out ranks-$ranks
    expect_text out "^ranks +$ranks "
    same_loss ranks-1 ranks-$ranks
    checked "$ranks ranks, batch 77: losses within $(cat worst) of 1 rank's"
done

write_config tiny.ini data.source=synthetic data.train_limit=51 model.hidden=8 train.epochs=2 \
    train.batch=2 optimizer.learning_rate=0.01
expect_mpi_exit 0 1 "$program" train tiny.ini --out tiny-1
expect_mpi_exit 0 5 "$program" train tiny.ini --out tiny-5
same_loss tiny-1 tiny-5
checked "5 ranks, batch 2, 51 samples: losses within $(cat worst) of 1 rank's"

expect_exit 0 "$program" train small.ini --out alone
same_loss ranks-1 alone
checked "without mpirun: losses within $(cat worst) of 1 rank's"

# threads and ranks must fit the cores that a rank may use
mpi 2 "$program" train small.ini --set compute.threads=4096 --out greedy
[ "$code" -eq 78 ] || wrong "exit code $code instead of 78 for 4096 threads a rank"
expect_text err '^shardnet: error: .*threads.*4096'
checked "more threads than cores: exit 78"
