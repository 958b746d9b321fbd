#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# One bit of one rank's parameters changes: the run ends and names the rank and its host,
# saves nothing after it, and the resumed run equals an undisturbed one.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

# an epoch is ten steps
write_config small.ini data.source=synthetic data.train_limit=700 data.validation=100 \
    model.hidden=8 model.dropout_hidden=0.2 train.epochs=4 train.batch=60 \
    comm.check_replicas_every=7 metrics.every_steps=1
host=$(hostname)

# differs RANKS VICTIM STEP PATTERN [SETTING...]: a bit flips after that step
differs() {
    rm -rf run
    expect_one_line_error 70 "$1" "$4" env SHARDNET_FAULT="replica.flip@$2:$3" \
        "$program" train small.ini --out run "${@:5}"
    expect_text err 'continue with --resume'
}

# from_before RANKS STEP: the newest checkpoint, and the run that continues from it
from_before() {
    [ "$(newest_checkpoint run)" = "run/checkpoints/step-000000$2.h5" ] ||
        wrong "the newest checkpoint is not of step $2"
    expect_exit 0 "$program" verify run
    expect_mpi_exit 0 "$1" "$program" train small.ini --out run --resume
    expect_text out "^resume .*step-000000$2\.h5"
    same_run whole-"$1" run
    same_parameters whole-"$1"/checkpoints/best.h5 run/checkpoints/best.h5
}

for ranks in 2 3; do
    expect_mpi_exit 0 $ranks "$program" train small.ini --out whole-$ranks
done

for victim in 0 1; do
    differs 2 $victim 24 "step 28.*rank 0 on $host, rank 1 on $host differ, without a majority"
    from_before 2 20
    checked "a bit of rank $victim of 2: both are named"
done
for victim in 0 2; do
    differs 3 $victim 24 "step 28.*parameters of rank $victim on $host differ from those of the other ranks"
    from_before 3 20
    checked "a bit of rank $victim of 3: it is named"
done

differs 3 1 24 "step 30.*rank 1 on $host" --set comm.check_replicas_every=1000000
from_before 3 20
checked "found before a checkpoint is written"
differs 2 0 40 "step 40.*rank 0 on $host, rank 1 on $host" --set comm.check_replicas_every=1000000
from_before 2 30
checked "found before the last checkpoint is written"

rm -rf run
expect_mpi_exit 0 2 env SHARDNET_FAULT=replica.flip@1:24 "$program" train small.ini --out run \
    --set comm.check_replicas_every=0
checked "check_replicas_every = 0: nothing is compared"
