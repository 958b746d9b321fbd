#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# reduce = reproducible: the same bits on any number of ranks and threads, also when a run
# is resumed on another number of ranks.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

write_config all.ini data.source=synthetic data.train_limit=600 data.validation=100 \
    augment.kind=elastic model.hidden="24, 16" model.activation=tanh \
    model.dropout_input=0.2 model.dropout_hidden=0.3 model.max_norm=2 optimizer.l2=1e-4 \
    train.epochs=2 train.batch=77 comm.reduce=reproducible comm.leaves=8 checkpoint.keep=9
expect_exit 0 "$program" train all.ini --out alone
expect_text out '^reduce +reproducible: 8 microbatches'

# to all digits; the test set takes 32 blocks
figures() {
    table "$1" epochs train_loss validation_loss validation_error test_loss test_error
}

# same_as_alone RANKS THREADS: that many threads asked for, by the key and by the BLAS's own
# variable
same_as_alone() {
    rm -rf many
    expect_mpi_exit 0 "$1" env OPENBLAS_NUM_THREADS="$2" OMP_NUM_THREADS="$2" \
        "$program" train all.ini --out many --set compute.threads="$2"
    same_parameters "$(newest_checkpoint alone)" "$(newest_checkpoint many)"
    same_parameters alone/checkpoints/best.h5 many/checkpoints/best.h5
    [ "$(figures many)" = "$(figures alone)" ] || wrong "other losses on $1 ranks"
    checked "ranks $1, threads $2: the same bytes"
}
for ranks in 1 2 3 4; do
    for threads in 1 2; do
        same_as_alone $ranks $threads
    done
done
same_as_alone 5 1
same_as_alone 8 1

rm -rf many
expect_mpi_exit 0 2 "$program" train all.ini --out many --set compute.backend=auto
expect_exit 0 grep -qx 'backend = openblas' many/config.ini
same_parameters "$(newest_checkpoint alone)" "$(newest_checkpoint many)"
checked "backend = auto: not chosen by a stopwatch, the same bytes"

expect_mpi_exit 75 2 "$program" train all.ini --out moving --set train.max_steps=3
expect_mpi_exit 75 3 "$program" train all.ini --out moving --resume --set train.max_steps=5
expect_mpi_exit 75 1 "$program" train all.ini --out moving --resume --set train.max_steps=1
expect_mpi_exit 0 4 "$program" train all.ini --out moving --resume
same_parameters "$(newest_checkpoint alone)" "$(newest_checkpoint moving)"
checked "2, then 3, then 1, then 4 ranks: the same bytes"

# With the whole toolbox.  The ranks of a node may share one copy of the state; each then
# updates a part of it, and computes a part of the norm.
toolbox=(--set optimizer.kind=adamw --set optimizer.learning_rate=0.003 --set optimizer.weight_decay=0.1
    --set optimizer.clip_norm=0.5 --set train.average=0.9 --set train.label_smoothing=0.1
    --set augment.noise=0.2)
expect_exit 0 "$program" train all.ini --out toolbox "${toolbox[@]}"

# expect_toolbox RANKS [ARGUMENT...]: the run many ends with the bytes of one rank
expect_toolbox() {
    expect_mpi_exit 0 "$1" env SHARDNET_FAULT="$share" "$program" train all.ini --out many "${toolbox[@]}" "${@:2}"
    same_parameters "$(newest_checkpoint toolbox)" "$(newest_checkpoint many)"
    same_parameters toolbox/checkpoints/best.h5 many/checkpoints/best.h5
    [ "$(figures many)" = "$(figures toolbox)" ] || wrong "other losses on $1 ranks"
}
for share in none replica.share; do
    for ranks in 2 3; do
        rm -rf many
        expect_toolbox $ranks
    done
    rm -rf many
    expect_mpi_exit 75 3 env SHARDNET_FAULT="$share" "$program" train all.ini --out many "${toolbox[@]}" \
        --set train.max_steps=5
    expect_toolbox 2 --resume
done
expect_exit 0 "$program" inspect many
expect_text out '^format +shardnet checkpoint, version 2;'
expect_text out '^ +1  current +16 x 24 '
expect_text out '^ +1  square +16 x 24 '
expect_exit 0 "$program" diff toolbox many
expect_text out '^  /optimizer/layer2/bias_second_moment +identical$'
expect_text out '^  /optimizer/layer2/bias_current +identical$'
checked "adamw, average, clipping, noise and label smoothing on 1, 2, 3 ranks, or on 3 and then 2, one copy of the state or several: the same bytes"

rm -rf many
start 3 env SHARDNET_FAULT=replica.share,step.hang@0:12 "$program" train all.ini --out many "${toolbox[@]}" \
    --set checkpoint.every_steps=5
wait_until "no checkpoint" test -e many/checkpoints/step-00000010.h5
kill_tree "$job"
finish
share=none
expect_toolbox 2 --resume
checked "the same, killed after step 10 on 3 ranks and resumed on 2"

# the sum of plain runs depends on the ranks, or this test could not fail
for ranks in 1 3; do
    expect_mpi_exit 0 $ranks "$program" train all.ini --out plain-$ranks --set comm.reduce=allreduce
done
if (same_parameters "$(newest_checkpoint plain-1)" "$(newest_checkpoint plain-3)") >differ 2>&1; then
    wrong "plain sums on 1 and 3 ranks have the same bytes"
fi
checked "plain sums differ between 1 and 3 ranks"

library() {
    sed -n 's/^blas  *//p' out
}
expect_exit 0 "$program" train all.ini --out libraries
own=$(library)
expect_exit 75 "$program" train all.ini --out changing --set comm.reduce=allreduce --set train.max_steps=4
expect_exit 0 "$program" train all.ini --out changing --resume
[ "$(library)" = "$own" ] || wrong "the products are of $(library), not of $own"
checked "resumed as reproducible, a run uses the library that reproducible runs use"

expect_one_line_error 78 9 'leaves.*9 ranks' "$program" train all.ini --out many
expect_one_line_error 78 0 'leaves.*power of two' "$program" train all.ini --out odd --set comm.leaves=6
expect_one_line_error 78 2 'reproducible reduction with 8 leaves.*with 16' \
    "$program" train all.ini --out moving --resume --set comm.leaves=16
checked "too few leaves, no power of two, other leaves on resume: exit 78"
