#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Injected failures at every agreement point, on each rank: one line, one exit code on all
# ranks, no hang, no data lost.  The program is built with SHARDNET_FAULTS.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
scratch_in_memory
setup_test "$@"
cd -- "$scratch"

# ten steps per epoch
write_config small.ini data.source=synthetic data.train_limit=600 model.hidden=8 \
    train.epochs=2 train.batch=60 optimizer.learning_rate=0.05
host=$(hostname)

# check CHECK...: starts a check beside the others, in a folder of its own with small.ini
check() {
    apart with_config "$@"
}
with_config() {
    cp ../small.ini .
    "$@"
}

# with_fault CODE FAULT PATTERN ARGUMENT...: on three ranks
with_fault() {
    expect_one_line_error "$1" 3 "$3" env "SHARDNET_FAULT=$2" "$program" "${@:4}"
    checked "$2 on 3 ranks: one line, exit $1"
}

# A program without the injection points passes none of these checks.
for rank in 0 1 2; do
    for point in data.probe data.fill engine.allocate; do
        check with_fault 70 "$point@$rank" "injected fault \($point\): rank $rank" \
            train small.ini --out none
    done
    for point in bench.allocate bench.product; do
        check with_fault 70 "$point@$rank" "injected fault \($point\): rank $rank" \
            bench small.ini --json --seconds 0.01
    done
    check with_fault 70 "comm.allocate@$rank" 'communicator: out of memory' \
        train small.ini --out none
    # MPI fails on one rank while the others wait
    check with_fault 70 "reduce.type@$rank" 'gradient reduction: .*MPI_ERR' train small.ini \
        --out none --set comm.reduce=allreduce --set comm.timeout_seconds=0
done
# the others do not wait for a rank whose build lacks the choice of rank 0
check with_fault 70 choose.build@2 "injected fault \(choose.build\): rank 2" \
    train small.ini --out none
check with_fault 78 context.precision@2 \
    "precision.*bf16 needs injected fault \(context.precision\): rank 2" train small.ini --out none

products_fail() {
    with_fault 70 "step.products@$1:14" "injected fault \(step.products\): rank $1, step 14" \
        train small.ini --out products
    [ "$(ls products/checkpoints)" = step-00000010.h5 ] || wrong "not only the good checkpoint is left"
}
for rank in 0 2; do
    check products_fail $rank
done

no_shared_window() {
    expect_mpi_exit 0 2 env SHARDNET_FAULT=node.window "$program" train small.ini --out private
    expect_no_text out 'one copy per node'
    expect_mpi_exit 0 2 "$program" train small.ini --out shared
    expect_text out 'one copy per node'
    h5diff private/checkpoints/step-00000020.h5 shared/checkpoints/step-00000020.h5 /model ||
        wrong "private copies give other parameters"
    checked "no shared window: private copies give the same parameters"
}
check no_shared_window

not_finite() {
    with_fault 76 "train.nan@$1:14" \
        "step 15\): the gradient of layer0 on rank $1 on $host is not finite;" \
        train small.ini --out nan
    [ "$(ls nan/checkpoints)" = step-00000010.h5 ] || wrong "not only the good checkpoint is left"
    expect_mpi_exit 0 3 "$program" train small.ini --out nan --resume
    checked "a NaN on rank $1: named, exit 76 at that step, the last good checkpoint continues"
}
for rank in 0 1 2; do
    check not_finite $rank
done

# the metrics up to the last step are kept; --resume begins at the checkpoint
diverges() {
    write_config curve.ini data.source=synthetic data.train_limit=600 model.hidden=8 \
        train.epochs=20 train.batch=60 optimizer.learning_rate=0.05 \
        checkpoint.every_epochs=10 metrics.every_steps=1
    expect_one_line_error 76 2 'step 15\): .* is not finite; .*; no checkpoint yet$' \
        env SHARDNET_FAULT="train.nan@1:14" "$program" train curve.ini --out curve
    [ "$(table curve steps step | tail -n 1)" = 14 ] || wrong "not 14 steps: $(table curve steps step)"
    [ "$(table curve epochs epoch | tail -n 1)" = 1 ] || wrong "not 1 epoch"
    expect_mpi_exit 76 2 env SHARDNET_FAULT="train.nan@1:114" \
        "$program" train curve.ini --out curve --resume
    expect_text err '^shardnet: warning: .*curve/metrics\.h5 renamed to '
    expect_text err \
        '^shardnet: error: .*step 115\): .*; continue with --resume from curve/checkpoints/step-00000100\.h5$'
    [ "$(grep -c '^shardnet:' err)" -eq 2 ] || wrong "other lines than a warning and an error"
    [ "$(table curve steps step | tail -n 1)" = 114 ] || wrong "not 114 steps"
    expect_mpi_exit 0 2 "$program" train curve.ini --out curve --resume
    [ "$(table curve steps step | tail -n +2 | wc -l)" = 200 ] || wrong "not 200 steps"
    checked "a run that diverges: its metrics are kept, and the checkpoint to continue from"
}
check diverges

# rank 0 writes twice for 4 s after the other rank has ended; the time-out is that of one write
diverges_slowly() {
    expect_one_line_error 76 2 'step 15\): .* is not finite; .*step-00000010\.h5$' \
        env SHARDNET_FAULT="writer.slow,train.nan@1:14" "$program" train small.ini --out slow \
        --set metrics.every_steps=1 --set comm.timeout_seconds=7
    checked "a run that diverges while files are written slowly: 76, the watchdog does not end it"
}
check diverges_slowly

failed_before_end() {
    expect_mpi_exit 76 2 env SHARDNET_FAULT="checkpoint.write@0:10,train.nan@0:12" \
        "$program" train small.ini --out unwritten
    expect_text err '^shardnet: warning: injected fault \(checkpoint\.write\)'
    expect_text err '^shardnet: error: .*step 13\).*; no checkpoint yet$'
    checked "a checkpoint that failed is reported when the run ends before the next one"
}
check failed_before_end

# checkpoint_fails POINT: the first checkpoint only, then every one
checkpoint_fails() {
    local message
    case $1 in
    checkpoint.damage) message='cannot read back.*step-00000010\.h5\.tmp.*layer.*Fletcher32' ;;
    checkpoint.other) message='cannot read back.*train_seconds differs from the written data' ;;
    *) message="injected fault \($1\)" ;;
    esac
    expect_mpi_exit 0 2 env SHARDNET_FAULT="$1@0:10" "$program" train small.ini --out once
    expect_text err "^shardnet: warning: $message"
    [ "$(ls once/checkpoints)" = step-00000020.h5 ] || wrong "not the last checkpoint alone"
    expect_mpi_exit 74 2 env SHARDNET_FAULT="$1" "$program" train small.ini --out always
    [ "$(grep -c '^shardnet: error: ' err)" -eq 1 ] || wrong "not one line of error"
    [ -z "$(find always -name '*.tmp')" ] || wrong "a temporary file is left"
    checked "$1: a warning inside the run, exit 74 for the last checkpoint"
}
for point in create write damage other publish; do
    check checkpoint_fails checkpoint.$point
done

# the only good checkpoint is deleted after the next one has been verified, not before
keep_one() {
    local keep=(train small.ini --out kept --set checkpoint.keep=1)
    expect_mpi_exit 75 2 "$program" "${keep[@]}" --set train.max_steps=10
    expect_mpi_exit 74 2 env SHARDNET_FAULT=checkpoint.damage "$program" "${keep[@]}" --resume
    [ "$(ls kept/checkpoints)" = step-00000010.h5 ] || wrong "the good checkpoint is gone"
    expect_mpi_exit 0 2 "$program" "${keep[@]}" --resume
    [ "$(ls kept/checkpoints)" = step-00000020.h5 ] || wrong "the old checkpoint was kept"
    checked "keep = 1: a checkpoint that cannot be read back costs no older one"
}
check keep_one

# best.h5 of epoch 2 fails, and no later epoch is better
best_fails() {
    local best=(train small.ini --out best --set data.validation=100 --set data.train_limit=700
        --set train.epochs=3 --set optimizer.momentum=0 --set optimizer.schedule=step
        --set optimizer.decay=1e-30 --set optimizer.decay_every=2)
    expect_mpi_exit 74 2 env SHARDNET_FAULT=checkpoint.damage@0:20 "$program" "${best[@]}"
    expect_text err '^shardnet: warning: cannot read back.*best\.h5.*; retried at the next checkpoint$'
    expect_text err '^shardnet: error: cannot read back.*best\.h5'
    expect_mpi_exit 0 0 "$program" verify best
    expect_text out '^good .*best\.h5: epoch 1,'
    expect_mpi_exit 0 2 "$program" "${best[@]}" --resume
    expect_text err '^shardnet: warning: best .*best\.h5\): missing; using the newest checkpoint$'
    checked "a best.h5 that cannot be written: 74 at the end, and --resume continues without it"
}
check best_fails

metrics_fail() {
    expect_mpi_exit 0 2 env SHARDNET_FAULT=metrics.append@0:10 "$program" train small.ini --out rows
    expect_mpi_exit 74 2 env SHARDNET_FAULT=metrics.append "$program" train small.ini --out norows
    [ -e norows/checkpoints/step-00000020.h5 ] || wrong "metrics that fail cost the checkpoint"
    checked "metrics.append: exit 74, but the checkpoint is there"
}
check metrics_fail
together

# alone, since it compares times
expect_mpi_exit 0 3 env SHARDNET_FAULT=step.slow@1 "$program" train small.ini --out uneven
expect_text out "^slowest +rank 1 on $host: .* waiting for it cost .* % of the training time"
table uneven ranks rank wait_seconds reduce_seconds | awk -F, '
    NR > 1 && $1 == 1 && $2 != 0 { bad = 1 }
    NR > 1 && $1 != 1 && ($2 < 0.5 || $2 > $3) { bad = 1 }
    END { exit bad || NR != 7 }' || wrong "waits: $(table uneven ranks rank wait_seconds reduce_seconds)"
for try in 1 2 3; do # one rank may have waited for a core
    expect_mpi_exit 0 3 env SHARDNET_FAULT=step.slow "$program" train small.ini --out "even-$try"
    grep -q '^slowest ' out || break
done
expect_no_text out '^slowest '
checked "a slow rank: named, with its cost; ranks that are all slow: not"
