#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The learning toolbox, everything on at once: resume stays bit-identical, the number of
# ranks changes the result by rounding only, early stopping chooses by validation.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

# ten steps an epoch
everything=(data.source=synthetic data.train_limit=600 data.validation=100 augment.kind=elastic
    augment.noise=0.2     model.hidden="24, 16" model.activation=relu model.init=he model.dropout_input=0.2
    model.dropout_hidden=0.5 model.max_norm=2 optimizer.learning_rate=0.05
    optimizer.l1=1e-5 optimizer.l2=1e-4 optimizer.warmup_epochs=1.5)
training=(train.epochs=4 train.batch=50 train.label_smoothing=0.1 train.early_stop_patience=3 metrics.every_steps=1)

variants=("constant heavy_ball" "inverse nesterov" "step previous_gradient" "cosine nesterov"
    "linear heavy_ball" "warmup_stable_decay nesterov" "constant adamw")
for variant in "${variants[@]}"; do
    read -r schedule momentum <<<"$variant"
    rule=(optimizer.momentum_kind="$momentum")
    if [ "$momentum" = adamw ]; then
        rule=(optimizer.kind=adamw optimizer.weight_decay=0.1 optimizer.epsilon=0.01
            optimizer.clip_norm=0.5 train.average=0.9)
    fi
    write_config all.ini "${everything[@]}" optimizer.schedule="$schedule" "${rule[@]}" \
        optimizer.decay=0.5 "${training[@]}"
    rm -rf "$schedule"-*
    for ranks in 1 2 3; do
        expect_mpi_exit 0 $ranks "$program" train all.ini --out "$schedule-$ranks"
        same_loss "$schedule-1" "$schedule-$ranks"
    done
    expect_mpi_exit 75 2 "$program" train all.ini --out "$schedule-part" --set train.max_steps=17
    expect_mpi_exit 0 2 "$program" train all.ini --out "$schedule-part" --resume
    same_run "$schedule-2" "$schedule-part"
    checked "$schedule, $momentum: 1, 2, 3 ranks agree; stopped at step 17 and resumed, the same bytes"
done

# The average can be switched on and off between two invocations.
expect_exit 75 "$program" train all.ini --out never --set train.average=0 --set train.max_steps=24
expect_exit 75 "$program" train all.ini --out off --set train.max_steps=17
expect_exit 75 "$program" train all.ini --out off --resume --set train.average=0 --set train.max_steps=7
same_parameters "$(newest_checkpoint never)" "$(newest_checkpoint off)"
checked "averaging does not change training: switched off, the bytes of a run without"

still=(--set model.max_norm=0 --set checkpoint.keep=9)
expect_exit 75 "$program" train all.ini --out on "${still[@]}" --set train.average=0 --set train.max_steps=17
before=$(newest_checkpoint on)
expect_exit 75 "$program" train all.ini --out on "${still[@]}" --resume --set optimizer.learning_rate=1e-30 \
    --set train.max_steps=1
expect_exit 1 "$program" diff "$before" "$(newest_checkpoint on)"
for layer in 0 1 2; do
    expect_text out "^  /model/layer$layer/weight +identical\$"
    expect_text out "^  /model/layer$layer/bias +identical\$"
done
checked "switched on, the average starts from the weights"

# a rate that spoils the network: the validation error stops falling
write_config stop.ini data.source=synthetic data.train_limit=1000 data.validation=200 \
    model.hidden=16 optimizer.learning_rate=0.5 optimizer.schedule=step optimizer.decay=3 \
    train.epochs=60 train.batch=50 train.early_stop_patience=3 checkpoint.keep=2
expect_mpi_exit 0 2 "$program" train stop.ini --out stop
cp out first
table stop epochs epoch validation_error >rows
last=$(tail -n 1 rows | cut -d, -f1)
[ "$last" -lt 60 ] || wrong "patience did not end the run"
best=$(tail -n +2 rows | sort -t, -k2,2g -k1,1n | head -n 1 | cut -d, -f1)
[ "$last" -eq $((best + 3)) ] || wrong "stopped at epoch $last, the best was $best"
grep -q "^best  *epoch $best," first || wrong "not the best epoch $best is restored"
figure=$(sed -n 's/^test .*(\([0-9]* of [0-9]*\) correct).*/\1/p' first)
expect_exit 0 "$program" eval stop/checkpoints/best.h5
expect_text out "\($figure correct\)"
checked "early stopping: best epoch $best, ended at $last; the test figure is best.h5's"

expect_mpi_exit 0 2 "$program" train stop.ini --out stop --resume
[ "$(table stop epochs epoch | tail -n 1)" = "$last" ] || wrong "a finished run went on"
expect_text out "\($figure correct\)"
expect_mpi_exit 75 2 "$program" train stop.ini --out part --set train.max_steps=37
expect_mpi_exit 0 2 "$program" train stop.ini --out part --resume
same_run stop part
checked "a run that stopped early stays finished; resumed in between, the same bytes"

expect_exit 0 "$program" train stop.ini --out scaled --set optimizer.scale_from_batch=25 \
    --set train.epochs=1
expect_text out '^rate +1, scaled from batch 25 to 50'
checked "the rate is scaled with the batch only when asked, and printed"
