#!/usr/bin/env bash
# Which checkpoints a run owns: what a resumed run continues from, what it leaves behind,
# and where the weights of its best epoch come from.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
setup_test "$@"
cd -- "$scratch"

# 10 steps an epoch
write_config small.ini data.source=synthetic data.train_limit=600 data.validation=100 \
    model.hidden=8 train.epochs=8 train.batch=50 metrics.every_steps=1 checkpoint.keep=2

# holds RUN NAME...: the files of its folder of checkpoints
holds() {
    local found wanted
    found=$(ls "$1/checkpoints" | sort)
    wanted=$(printf '%s\n' "${@:2}" | sort)
    [ "$found" = "$wanted" ] || wrong "$1 holds" $found "instead of" $wanted
}

# warned PATTERN: by one line, the only one
warned() {
    expect_text err "^shardnet: warning: $1"
    [ "$(grep -c '^shardnet: warning: ' err)" -eq 1 ] || wrong "not one warning"
}

# --- resumed from an older checkpoint than the newest

plain=(--set data.validation=0 --set data.train_limit=500)
expect_exit 0 "$program" train small.ini --out whole "${plain[@]}" --set checkpoint.keep=9
expect_exit 0 "$program" train small.ini --out old "${plain[@]}"
cp whole/checkpoints/step-00000030.h5 old/checkpoints
holds old step-000000{30,70,80}.h5
for ranks in 2 0; do
    rm -rf back
    cp -R old back
    expect_mpi_exit 75 $ranks "$program" train small.ini --out back "${plain[@]}" \
        --resume=back/checkpoints/step-00000030.h5 --set train.max_steps=4
    warned 'run \(back\): goes on from step 30; .* set aside: step-00000070\.h5\.abandoned, step-00000080\.h5\.abandoned$'
    holds back step-00000030.h5 step-00000034.h5 step-000000{70,80}.h5.abandoned
    cmp back/checkpoints/step-00000080.h5.abandoned old/checkpoints/step-00000080.h5 ||
        wrong "what is set aside has changed"
    expect_exit 0 "$program" verify back
    expect_no_text out abandoned
    expect_exit 0 "$program" inspect back
    expect_text out 'step-00000034\.h5.*newest'
    expect_exit 0 "$program" eval back
    expect_text out 'step-00000034\.h5'
    expect_exit 0 "$program" report back
    expect_mpi_exit 75 $ranks "$program" train small.ini --out back "${plain[@]}" --resume \
        --set train.max_steps=4
    expect_text out '^resume .*step 34$'
    [ "$(grep -c "^shardnet: " err)" -eq 1 ] || wrong "more than the stop is told"
done
expect_exit 0 "$program" train small.ini --out back "${plain[@]}" --resume
[ ! -s err ] || wrong "a plain resume warns"
expect_exit 75 "$program" train small.ini --out back "${plain[@]}" \
    --resume=back/checkpoints/step-00000070.h5 --set train.max_steps=4
holds back step-000000{70,74}.h5 step-00000070.h5.abandoned step-00000080.h5.abandoned{,.2}
expect_exit 0 "$program" train small.ini --out back "${plain[@]}" --resume
same_run whole back
checked "an older checkpoint: those beyond it are set aside, and the run goes on from its own"

# --- the newest is damaged

rm -rf back
cp -R old back
truncate -s 3000 back/checkpoints/step-000000{70,80}.h5
expect_exit 75 "$program" train small.ini --out back "${plain[@]}" --resume \
    --set train.max_steps=4 --set checkpoint.keep=1
expect_text err 'step-00000080\.h5.*; passed over'
expect_text err ' set aside: step-00000070\.h5\.abandoned, step-00000080\.h5\.abandoned$'
holds back step-00000034.h5 step-000000{70,80}.h5.abandoned
expect_exit 0 "$program" verify back
expect_exit 0 "$program" train small.ini --out back "${plain[@]}" --resume
same_run whole back
checked "damaged checkpoints are set aside and push out no good one"
