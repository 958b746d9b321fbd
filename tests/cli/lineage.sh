#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The lineage of a run: the checkpoint that a resumed run continues from, the checkpoints
# that it renames, and the file that holds the weights of its best epoch.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

# 10 steps an epoch
write_config small.ini data.source=synthetic data.train_limit=600 data.validation=100 \
    model.hidden=8 train.epochs=8 train.batch=50 metrics.every_steps=1 checkpoint.keep=2

# expect_files RUN NAME...: RUN/checkpoints contains exactly these files
expect_files() {
    local found wanted
    found=$(find "$1/checkpoints" -mindepth 1 -printf '%P\n' | sort)
    wanted=$(printf '%s\n' "${@:2}" | sort)
    [ "$found" = "$wanted" ] || wrong "$1 contains $found instead of $wanted"
}

# warned PATTERN: stderr has exactly one warning, and it matches
warned() {
    expect_text err "^shardnet: warning: $1"
    [ "$(grep -c '^shardnet: warning: ' err)" -eq 1 ] || wrong "not exactly one warning"
}

# --- resumed from an older checkpoint

plain=(--set data.validation=0 --set data.train_limit=500)
expect_exit 0 "$program" train small.ini --out whole "${plain[@]}" --set checkpoint.keep=9
expect_exit 0 "$program" train small.ini --out old "${plain[@]}"
cp whole/checkpoints/step-00000030.h5 old/checkpoints
expect_files old step-000000{30,70,80}.h5
for ranks in 2 0; do
    rm -rf back
    cp -R old back
    expect_mpi_exit 75 $ranks "$program" train small.ini --out back "${plain[@]}" \
        --resume=back/checkpoints/step-00000030.h5 --set train.max_steps=4
    warned 'run \(back\): resumes at step 30; later checkpoints moved to step-00000070\.h5\.abandoned, step-00000080\.h5\.abandoned$'
    expect_files back step-00000030.h5 step-00000034.h5 step-000000{70,80}.h5.abandoned
    cmp back/checkpoints/step-00000080.h5.abandoned old/checkpoints/step-00000080.h5 ||
        wrong "the renamed checkpoint has changed"
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
    [ "$(grep -c "^shardnet: " err)" -eq 1 ] || wrong "stderr has more than the line about the stop"
done
expect_exit 0 "$program" train small.ini --out back "${plain[@]}" --resume
[ ! -s err ] || wrong "an ordinary resume warns"
expect_exit 75 "$program" train small.ini --out back "${plain[@]}" \
    --resume=back/checkpoints/step-00000070.h5 --set train.max_steps=4
expect_files back step-000000{70,74}.h5 step-00000070.h5.abandoned step-00000080.h5.abandoned{,.2}
expect_exit 0 "$program" train small.ini --out back "${plain[@]}" --resume
same_run whole back
checked "an older checkpoint: later ones are renamed, and the next resume uses its own newest"

# --- the newest checkpoints are damaged

rm -rf back
cp -R old back
truncate -s 3000 back/checkpoints/step-000000{70,80}.h5
expect_exit 75 "$program" train small.ini --out back "${plain[@]}" --resume \
    --set train.max_steps=4 --set checkpoint.keep=1
expect_text err 'step-00000080\.h5.*; skipped'
expect_text err '; later checkpoints moved to step-00000070\.h5\.abandoned, step-00000080\.h5\.abandoned$'
expect_files back step-00000034.h5 step-000000{70,80}.h5.abandoned
expect_exit 0 "$program" verify back
expect_exit 0 "$program" train small.ini --out back "${plain[@]}" --resume
same_run whole back
checked "damaged checkpoints are renamed and do not displace a good one"

# --- best.h5 is the only or the newest checkpoint

expect_exit 0 "$program" train small.ini --out best --set checkpoint.keep=9
best=$(sed -n 's/^best  *epoch \([0-9]*\),.*/\1/p' out)
[ "$best" -ge 5 ] || wrong "the best epoch is $best, too early for the checks below"
error=$(sed -n 's/^best .*error //p' out)

# expect_best RUN: the run and the weights of its best epoch are those of the uninterrupted run
expect_best() {
    expect_text out "^best +epoch $best, validation error $error"
    expect_no_text err 'last weights are used'
    same_run best "$1"
    same_parameters best/checkpoints/best.h5 "$1/checkpoints/best.h5"
}

# the files of a run with every_epochs = 0 that was killed early
mkdir -p early/checkpoints
cp best/checkpoints/best.h5 best/metrics.h5 early/checkpoints
mv early/checkpoints/metrics.h5 early
before=$(sha256sum <early/checkpoints/best.h5)
expect_one_line_error 73 0 'already contains checkpoints' "$program" train small.ini --out early
[ "$(sha256sum <early/checkpoints/best.h5)" = "$before" ] || wrong "a refused run changed best.h5"
expect_exit 0 "$program" train small.ini --out early --resume
expect_text out "^resume .*early/checkpoints/best\.h5: epoch $best, step $((10 * best))\$"
[ ! -s err ] || wrong "a warning"
expect_best early

cp -R best late
truncate -s 3000 late/checkpoints/step-*.h5
expect_exit 0 "$program" train small.ini --out late --resume
expect_text out "^resume .*late/checkpoints/best\.h5"
expect_best late
expect_exit 0 "$program" verify late

# best.h5 is newer than every other checkpoint, as with every_epochs = 3
cp -R best newer
for step in newer/checkpoints/step-*.h5; do
    [[ ! $step > newer/checkpoints/step-00000020.h5 ]] || rm "$step"
done
expect_exit 0 "$program" train small.ini --out newer --resume
expect_text out "^resume .*newer/checkpoints/best\.h5"
expect_best newer
checked "best.h5 is a checkpoint at the step of its content"

# metrics.h5 receives no row; the resume copies best.h5 before it fails at metrics.h5
expect_exit 74 env SHARDNET_FAULT=metrics.append "$program" train small.ini --out carried \
    --set train.max_steps=$((10 * best))
rm carried/checkpoints/step-*.h5
mv carried/metrics.h5 rows.h5
mkdir carried/metrics.h5
expect_one_line_error 74 0 'carried/metrics\.h5' "$program" train small.ini --out carried --resume
expect_files carried best.h5 step-"$(printf %08d $((10 * best)))".h5
rmdir carried/metrics.h5
mv rows.h5 carried/metrics.h5
expect_exit 0 "$program" train small.ini --out carried --resume
expect_best carried
checked "best.h5 carries rows: its copy does, too"

# --- best.h5 is of a later epoch than the restored checkpoint

lower=$((best - 2))
from=checkpoints/step-$(printf %08d $((10 * lower))).h5
cp -R best again
expect_exit 0 "$program" train small.ini --out again --resume="again/$from"
warned "run .* moved to .*best\.h5\.abandoned"
expect_best again
checked "the best epoch comes later: it is found again"

# with a learning rate of 0 the error does not improve
cp -R best worse
expect_exit 0 "$program" train small.ini --out worse --resume="worse/$from" \
    --set optimizer.learning_rate=0 --set optimizer.momentum=0
expect_text out "^best +epoch $lower, "
expect_no_text err 'last weights are used'
cmp worse/checkpoints/best.h5.abandoned best/checkpoints/best.h5 ||
    wrong "the best weights are lost"
same_parameters worse/checkpoints/best.h5 "best/$from"
expect_exit 0 "$program" train small.ini --out worse --resume=worse/checkpoints/best.h5.abandoned
expect_text out "^best +epoch $best, validation error $error"
same_parameters best/checkpoints/best.h5 worse/checkpoints/best.h5
[ -f worse/checkpoints/best.h5.abandoned.2 ] || wrong "the other best.h5 was overwritten"
checked "the best epoch comes later and is not reached again: its weights are kept in *.abandoned"

# --- resumed into another folder

half=checkpoints/step-$(printf %08d $((10 * best))).h5
# the best epoch is finished, and the error does not improve
expect_exit 0 "$program" train small.ini --out still --resume="best/$half" \
    --set optimizer.learning_rate=0 --set optimizer.momentum=0 --set train.epochs=$((best + 2))
expect_text out "^best +epoch $best, validation error $error"
[ ! -s err ] || wrong "a warning"
same_parameters best/checkpoints/best.h5 still/checkpoints/best.h5
mkdir -p moved
cp still/checkpoints/step-*$((10 * (best + 1))).h5 moved/old.h5
cp best/checkpoints/best.h5 moved
expect_exit 0 "$program" train small.ini --out other --resume=moved/old.h5 \
    --set optimizer.learning_rate=0 --set optimizer.momentum=0 --set train.epochs=$((best + 2))
expect_text out "^best +epoch $best, validation error $error"
[ ! -s err ] || wrong "a warning"
same_parameters best/checkpoints/best.h5 other/checkpoints/best.h5
rm moved/best.h5
expect_exit 0 "$program" train small.ini --out alone --resume=moved/old.h5 \
    --set optimizer.learning_rate=0 --set optimizer.momentum=0 --set train.epochs=$((best + 2))
warned "best \(alone/checkpoints/best\.h5\): no file holds the weights of the best epoch, $best; searching for the best epoch from epoch $((best + 2))\$"
expect_text out "^best +epoch $((best + 2)), "
expect_exit 0 "$program" verify alone
checked "into another --out: the best weights are copied, or the search restarts"

# --- a checkpoint of another version of the program

cp -R old future
expect_exit 0 "$(dirname -- "$program")/tests/foreign_checkpoint" \
    old/checkpoints/step-00000080.h5 future/checkpoints/step-00000080.h5
expect_exit 0 "$program" verify future
for resume in auto future/checkpoints/step-00000080.h5; do
    expect_one_line_error 65 0 'written by shardnet 9\.8\.7.*\[future\] speed: unknown key.*; the file is not damaged' \
        "$program" train small.ini --out future "${plain[@]}" --resume=$resume
done
expect_files future step-000000{30,70,80}.h5
expect_exit 0 "$program" eval old
cp out known
expect_mpi_exit 0 2 "$program" eval future
warned 'checkpoint \(future/checkpoints/step-00000080\.h5\): written by shardnet 9\.8\.7.*speed'
[ "$(tail -n 1 out)" = "$(tail -n 1 known)" ] || wrong "another result than $(tail -n 1 known)"
{
    printf 'P2\n28 28\n255\n'
    for ((i = 0; i < 784; i++)); do echo $((i % 28 > 11 && i % 28 < 16 && i > 140 && i < 644 ? 0 : 255)); done
} >one.pgm
expect_exit 0 "$program" predict old one.pgm
cp out known
expect_exit 0 "$program" predict future one.pgm
cmp -s out known || wrong "another prediction"
warned 'checkpoint \(future/.*written by shardnet 9\.8\.7'
checked "configuration of another version: resume refuses it; eval and predict ignore unknown keys"

if find_python "a later format" h5py; then
    cp -R old later
    "$python" -c 'import h5py
with h5py.File("later/checkpoints/step-00000080.h5", "r+", libver=("v108", "v108")) as file:
    file.attrs.modify("format_version", 3)'
    for resume in auto later/checkpoints/step-00000080.h5; do
        expect_one_line_error 65 0 'of another format version \(later/.*80\.h5\): 3, but this program reads versions 1 to 2' \
            "$program" train small.ini --out later "${plain[@]}" --resume=$resume
    done
    expect_files later step-000000{30,70,80}.h5
    checked "a later format: resume refuses it and renames nothing"
fi

# --- files of other runs

cp -R old mine
before=$(ls mine/checkpoints; cksum mine/metrics.h5 mine/config.ini)
expect_one_line_error 73 0 'run \(mine\): already contains checkpoints, but not whole/' \
    "$program" train small.ini --out mine "${plain[@]}" --resume=whole/checkpoints/step-00000030.h5
[ "$(ls mine/checkpoints; cksum mine/metrics.h5 mine/config.ini)" = "$before" ] ||
    wrong "a refused run changed the run"
checked "--resume=PATH of another run into a folder with checkpoints: exit 73"

mkdir foreign
cp mine/metrics.h5 foreign
echo '# of another run' >foreign/config.ini
expect_exit 0 "$program" train small.ini --out foreign "${plain[@]}" --resume=whole/checkpoints/step-00000030.h5
expect_text err '^shardnet: warning: run: existing foreign/config\.ini and foreign/metrics\.h5 renamed to \*\.old$'
cmp mine/metrics.h5 foreign/metrics.h5.old || wrong "the metrics of the other run are lost"
expect_text foreign/config.ini.old '^# of another run$'
[ "$(table foreign epochs epoch | sed -n 2p)" = 4 ] || wrong "rows of the other run are mixed in"
checked "--resume=PATH of another run into a folder with other files: these are renamed"

rows=$(table mine epochs epoch)
rm -r mine/checkpoints
{ echo '# mine'; cat small.ini; } >mine/config.ini
cp mine/config.ini own.ini
expect_exit 0 "$program" train mine/config.ini --out mine "${plain[@]}" --set train.epochs=2
warned 'run: existing mine/config\.ini and mine/metrics\.h5 renamed to \*\.old$'
cmp mine/config.ini.old own.ini || wrong "the existing configuration is lost"
mv mine/metrics.h5.old own.h5
mkdir own
mv own.h5 own/metrics.h5
[ "$(table own epochs epoch)" = "$rows" ] || wrong "the existing metrics are lost"
rm -r mine/checkpoints
rows=$(table mine epochs epoch)
expect_exit 0 "$program" train mine/config.ini --out mine --resume
warned 'run: existing mine/metrics\.h5 renamed to \*\.old$'
mv mine/metrics.h5.old own/metrics.h5
[ "$(table own epochs epoch)" = "$rows" ] || wrong "--resume without a checkpoint loses metrics"
checked "a run that resumes nothing renames an existing configuration and existing metrics"
