#!/usr/bin/env bash
# Injected failures at every agreement point, on each rank: one line, one exit code on all
# ranks, no hang, nothing lost.  The program is built with SHARDNET_FAULTS.
set -euo pipefail
# shellcheck source=../cli/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../cli/lib.sh"
setup_test "$@"
cd -- "$scratch"

write_config small.ini data.source=synthetic data.train_limit=600 model.hidden=8 \
    train.epochs=2 train.batch=60 optimizer.learning_rate=0.05
steps=(10 20) # an epoch is ten steps

# A program without the injection points would pass none of this.
for point in data.probe data.fill state.allocate; do
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

for point in checkpoint.create checkpoint.write checkpoint.publish; do
    rm -rf once always
    expect_mpi_exit 0 2 env SHARDNET_FAULT="$point@0:${steps[0]}" "$program" train small.ini --out once
    expect_text err "^shardnet: warning: injected fault \($point\)"
    [ "$(ls once/checkpoints)" = step-00000020.h5 ] || wrong "not the last checkpoint alone"
    run "$mpirun" -n 2 env SHARDNET_FAULT="$point" "$program" train small.ini --out always
    [ "$code" -eq 74 ] || wrong "exit code $code instead of 74"
    [ -z "$(find always -name '*.tmp')" ] || wrong "a temporary file is left"
    checked "$point: a warning inside the run, exit 74 for the last checkpoint"
done

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
