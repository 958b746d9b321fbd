#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Injected failures at every agreement point, on each rank: one line, one exit code on all
# ranks, no hang, nothing lost.  The program is built with SHARDNET_FAULTS.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

write_config small.ini data.source=synthetic data.train_limit=600 model.hidden=8 \
    train.epochs=2 train.batch=60 optimizer.learning_rate=0.05
steps=(10 20) # an epoch is ten steps

# A program without the injection points would pass none of this.
for point in data.probe data.fill engine.allocate; do
    for rank in 0 1 2; do
        expect_one_line_error 70 3 "injected fault \($point\): rank $rank" \
            env SHARDNET_FAULT="$point@$rank" "$program" train small.ini --out none
    done
    checked "$point on ranks 0, 1, 2 of 3: one line, exit 70"
done

for rank in 0 1 2; do
    expect_one_line_error 70 3 "injected fault \(bench.allocate\): rank $rank" \
        env SHARDNET_FAULT="bench.allocate@$rank" "$program" bench small.ini --json
done
checked "bench.allocate on ranks 0, 1, 2 of 3: one line, exit 70"

for rank in 0 1 2; do
    expect_one_line_error 70 3 'communicator: out of memory' \
        env SHARDNET_FAULT="comm.allocate@$rank" "$program" train small.ini --out none
done
checked "comm.allocate on ranks 0, 1, 2 of 3: one line, exit 70"

for rank in 0 1 2; do
    expect_one_line_error 70 3 'sum of gradients: .*MPI_ERR' \
        env SHARDNET_FAULT="reduce.type@$rank" "$program" train small.ini --out none \
        --set comm.reduce=allreduce --set comm.timeout_seconds=0
done
checked "MPI fails on one of ranks 0, 1, 2 while the others wait: its words, exit 70"

expect_one_line_error 70 3 "injected fault \(choose.build\): rank 2" \
    env SHARDNET_FAULT="choose.build@2" "$program" train small.ini --out none
checked "a rank whose build lacks what rank 0 chose: the others do not wait for it"
expect_one_line_error 78 3 "precision.*bf16 needs injected fault \(context.precision\): rank 2" \
    env SHARDNET_FAULT="context.precision@2" "$program" train small.ini --out none
for rank in 0 2; do
    expect_one_line_error 70 3 "injected fault \(step.products\): rank $rank, step 14" \
        env SHARDNET_FAULT="step.products@$rank:14" "$program" train small.ini --out products
    [ "$(ls products/checkpoints)" = step-00000010.h5 ] || wrong "not only the good checkpoint is left"
    rm -rf products
done
checked "one processor without bf16, products that fail on ranks 0 and 2 of 3: one line, exit 78, 70"

expect_mpi_exit 0 2 env SHARDNET_FAULT=node.window "$program" train small.ini --out private
expect_no_text out 'one copy a node'
expect_mpi_exit 0 2 "$program" train small.ini --out shared
expect_text out 'one copy a node'
h5diff private/checkpoints/step-00000020.h5 shared/checkpoints/step-00000020.h5 /model
checked "no shared window: private copies give the same parameters"

for rank in 0 1 2; do
    rm -rf nan
    expect_one_line_error 76 3 \
        "step 15\): not finite is the gradient of layer0, on rank $rank on $(hostname);" \
        env SHARDNET_FAULT="train.nan@$rank:14" "$program" train small.ini --out nan
    [ "$(ls nan/checkpoints)" = step-00000010.h5 ] || wrong "not only the good checkpoint is left"
    expect_mpi_exit 0 3 "$program" train small.ini --out nan --resume
    checked "a NaN on rank $rank: named, exit 76 at that step, the last good checkpoint continues"
done

# the curve that shows why is kept up to the last step; --resume begins where it must
write_config curve.ini data.source=synthetic data.train_limit=600 model.hidden=8 train.epochs=20 \
    train.batch=60 optimizer.learning_rate=0.05 checkpoint.every_epochs=10 metrics.every_steps=1
expect_one_line_error 76 2 'step 15\): not finite is .*; no checkpoint yet$' \
    env SHARDNET_FAULT="train.nan@1:14" "$program" train curve.ini --out curve
[ "$(table curve steps step | tail -n 1)" = 14 ] || wrong "not 14 steps: $(table curve steps step)"
[ "$(table curve epochs epoch | tail -n 1)" = 1 ] || wrong "not 1 epoch"
expect_one_line_error 76 2 'step 115\): .*; continue with --resume from curve/checkpoints/step-00000100\.h5$' \
    env SHARDNET_FAULT="train.nan@1:114" "$program" train curve.ini --out curve --resume
[ "$(table curve steps step | tail -n 1)" = 114 ] || wrong "not 114 steps"
expect_mpi_exit 0 2 "$program" train curve.ini --out curve --resume
[ "$(table curve steps step | tail -n +2 | uniq | wc -l)" = 200 ] || wrong "not 200 steps"
checked "a run that diverges: its metrics are there, with the checkpoint to continue from"

expect_mpi_exit 76 2 env SHARDNET_FAULT="checkpoint.write@0:10,train.nan@0:12" "$program" train small.ini --out unwritten
expect_text err '^shardnet: warning: injected fault \(checkpoint\.write\)'
expect_text err '^shardnet: error: .*step 13\).*; no checkpoint yet$'
checked "a checkpoint that failed is told of when the run ends before the next"

for point in checkpoint.create checkpoint.write checkpoint.damage checkpoint.other checkpoint.publish; do
    case $point in
    checkpoint.damage) message='cannot read back.*step-00000010\.h5\.tmp.*layer.*Fletcher32' ;;
    checkpoint.other) message='cannot read back.*train_seconds differs from the written data' ;;
    *) message="injected fault \($point\)" ;;
    esac
    rm -rf once always
    expect_mpi_exit 0 2 env SHARDNET_FAULT="$point@0:${steps[0]}" "$program" train small.ini --out once
    expect_text err "^shardnet: warning: $message"
    [ "$(ls once/checkpoints)" = step-00000020.h5 ] || wrong "not the last checkpoint alone"
    run "$mpirun" -n 2 env SHARDNET_FAULT="$point" "$program" train small.ini --out always
    [ "$code" -eq 74 ] || wrong "exit code $code instead of 74"
    [ "$(grep -c '^shardnet: error: ' err)" -eq 1 ] || wrong "not one line of error"
    [ -z "$(find always -name '*.tmp')" ] || wrong "a temporary file is left"
    checked "$point: a warning inside the run, exit 74 for the last checkpoint"
done

# keep = 1: the only good checkpoint goes when the next one has been verified, not before
rm -rf kept
expect_mpi_exit 75 2 "$program" train small.ini --out kept --set train.max_steps=10 --set checkpoint.keep=1
run "$mpirun" -n 2 env SHARDNET_FAULT=checkpoint.damage "$program" train small.ini --out kept --resume
[ "$code" -eq 74 ] || wrong "exit code $code instead of 74"
[ "$(ls kept/checkpoints)" = step-00000010.h5 ] || wrong "the good checkpoint is gone"
expect_mpi_exit 0 2 "$program" train small.ini --out kept --resume --set checkpoint.keep=1
[ "$(ls kept/checkpoints)" = step-00000020.h5 ] || wrong "the old checkpoint was kept"
checked "a checkpoint that cannot be read back costs no older one"

# best.h5 of epoch 2 fails, and no later epoch is better
expect_mpi_exit 0 2 env SHARDNET_FAULT=checkpoint.damage@0:20 "$program" train small.ini --out best \
    --set data.validation=100 --set data.train_limit=700 --set train.epochs=3 \
    --set optimizer.momentum=0 --set optimizer.schedule=step --set optimizer.decay=0 --set optimizer.decay_every=2
expect_text err '^shardnet: warning: cannot read back'
expect_text err '^shardnet: warning: best .*best\.h5.*not of the best epoch, 2; the last weights are used'
expect_mpi_exit 0 0 "$program" verify best
expect_text out '^good .*best\.h5: epoch 1,'
checked "a best.h5 that cannot be written is told of again at the end"

expect_mpi_exit 0 3 env SHARDNET_FAULT=step.slow@1 "$program" train small.ini --out uneven
expect_text out "^slowest +rank 1 on $(hostname): .* waiting for it cost .* % of the training time"
table uneven ranks rank wait_seconds reduce_seconds | awk -F, '
    NR > 1 && $1 == 1 && $2 != 0 { exit 1 }
    NR > 1 && $1 != 1 && ($2 < 0.5 || $2 > $3) { exit 1 }' || wrong "waits: $(table uneven ranks rank wait_seconds reduce_seconds)"
expect_mpi_exit 0 3 env SHARDNET_FAULT=step.slow "$program" train small.ini --out even
expect_no_text out '^slowest '
checked "a slow rank: named, with what it cost; ranks that are all slow: not"

rm -rf rows
expect_mpi_exit 0 2 env SHARDNET_FAULT=metrics.append@0:10 "$program" train small.ini --out rows
run "$mpirun" -n 2 env SHARDNET_FAULT=metrics.append "$program" train small.ini --out norows
[ "$code" -eq 74 ] || wrong "exit code $code instead of 74"
[ -e norows/checkpoints/step-00000020.h5 ] || wrong "metrics that fail cost the checkpoint"
checked "metrics.append: exit 74, but the checkpoint is there"
