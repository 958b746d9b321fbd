#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# All commands use the same result of a run: best.h5 where validation samples are held out, else
# the newest checkpoint; --checkpoint chooses another; a best.h5 that cannot be used is reported.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

# a rate that spoils the network: the best epoch is not the last one
write_config worse.ini data.source=synthetic data.train_limit=600 data.validation=100 model.hidden=16 \
    optimizer.learning_rate=1 train.epochs=8 train.batch=32
expect_exit 0 "$program" data synth set --train 10 --test 40
images=set/t10k-images-idx3-ubyte

# figures: "N of 4000" that train or eval printed
figures() {
    sed -n 's/^test.*(\([0-9]* of [0-9]*\) correct).*/\1/p' "$scratch/out"
}

# has_result RUN FILE CORRECT [OPTION]: every command uses this file of the run; eval and report
# give these figures
has_result() {
    local file=$1/checkpoints/$2 percent page
    expect_exit 0 "$program" eval "$1" "${@:4}"
    expect_text out "^checkpoint $file: epoch "
    [ "$(figures)" = "$3" ] || wrong "eval $*: $(figures), not $3"
    percent=$(sed -n 's/^test: accuracy \([0-9.]*\) .*/\1/p' out)
    expect_exit 0 "$program" report "$1" -o page.html "${@:4}"
    expect_text out "^result   $file: epoch "
    page=$(tr '\n' ' ' <page.html)
    [[ $page == *"weights of the result are in $file:"* ]] || wrong "the page does not name $file"
    [[ $page =~ \<b\>([0-9.]+)\&nbsp\;%\</b\>\<span\>test\ accuracy ]] || wrong "no accuracy on the page"
    # a tie may be rounded to either side
    awk -v a="${BASH_REMATCH[1]}" -v b="$percent" 'BEGIN { exit !((a - b) ^ 2 < 0.011 ^ 2) }' ||
        wrong "the page has ${BASH_REMATCH[1]} %, eval $percent %"
    expect_exit 0 "$program" inspect "$1" "${@:4}"
    expect_text out "^file +$file "
    expect_exit 0 "$program" predict "$1" $images "${@:4}"
    expect_text err "^shardnet: checkpoint $file\$"
    cp out by-run
    expect_exit 0 "$program" predict "$file" $images
    cmp -s out by-run || wrong "predict $1 ${*:4} does not use $file"
}

# trained RUN FILE OPTION...: trains; the result is in this file; its figures are in $correct
trained() {
    expect_mpi_exit 0 2 "$program" train worse.ini --out "$1" "${@:3}"
    expect_text out "^result   $1/checkpoints/$2\$"
    correct=$(figures)
}

# warned PATTERN: the last command printed this warning, and no other
warned() {
    [ "$(grep -c '^shardnet: warning: ' err)" -eq 1 ] || wrong "not one warning"
    expect_text err "^shardnet: warning: $1; using the newest checkpoint\$"
}

trained run best.h5
[ ! -s err ] || wrong "a good run writes to stderr"
best=$(sed -n 's/^best  *epoch \([0-9]*\), .*/\1/p' out)
[ "$best" -lt 8 ] || wrong "the best epoch is the last one"
has_result run best.h5 "$correct"
has_result run best.h5 "$correct" --checkpoint best
expect_exit 0 "$program" metrics run --result --csv
expect_text err '^shardnet: checkpoint run/checkpoints/best\.h5$'
[ "$(cut -d, -f1 out)" = "$(printf 'epoch\n%d' "$best")" ] || wrong "not the row of epoch $best"
checked "validation samples: train, eval, report, inspect, predict, metrics have best.h5, $correct"

mkdir sweep
cp -R run sweep
expect_exit 0 env SHARDNET="$program" "$source_root/jobs/sweep-summary.sh" sweep
table run epochs epoch validation_error test_error >rows
wanted=$(awk -F, -v best="$best" '$1 == best { printf "%.2f %.2f", 100 * $2, 100 * $3 }' rows)
[ "$(sed -n 2p out | awk '{ print $2, $3 }')" = "$wanted" ] || wrong "the summary lacks $wanted"
checked "sweep-summary.sh has the errors of the result"

newest=step-00000128.h5
expect_exit 0 "$program" eval "run/checkpoints/$newest"
last=$(figures)
[ "$last" != "$correct" ] || wrong "the newest checkpoint has the figures of the best one"
has_result run $newest "$last" --checkpoint last
has_result run $newest "$last" "--checkpoint=run/checkpoints/$newest"
for command in eval inspect "predict -- $images"; do
    words=("${command%% *}" run/checkpoints/best.h5)
    [ "$command" = "${words[0]}" ] || words+=("$images")
    expect_one_line_error 64 0 '--checkpoint last.*folder' "$program" "${words[@]}" --checkpoint last
done
for command in eval report inspect; do
    expect_one_line_error 66 0 'nowhere\.h5' "$program" $command run --checkpoint nowhere.h5
done
expect_one_line_error 64 0 '--result' "$program" metrics run --result --table steps
checked "--checkpoint best, last and PATH; wrong uses: exit 64 or 66"

cp -R run lost
rm lost/checkpoints/best.h5
has_result lost $newest "$last"
expect_exit 0 "$program" eval lost
warned 'best \(lost/checkpoints/best\.h5\): missing'
expect_one_line_error 66 0 'best\.h5' "$program" eval lost --checkpoint best
cp -R run damaged
third=$(($(stat -c %s run/checkpoints/best.h5) / 3))
head -c 3000 $images | dd of=damaged/checkpoints/best.h5 bs=1 seek=$third conv=notrunc 2>err ||
    wrong "cannot damage best.h5"
has_result damaged $newest "$last"
expect_exit 0 "$program" eval damaged
warned '.*damaged/checkpoints/best\.h5.*'
cp -R run other
cp run/checkpoints/step-00000112.h5 other/checkpoints/best.h5
has_result other $newest "$last"
expect_exit 0 "$program" eval other
warned "best \(other/checkpoints/best\.h5\): not of the best epoch, $best"
expect_mpi_exit 0 2 "$program" train worse.ini --out lost --resume
expect_text out "^result   lost/checkpoints/$newest\$"
[ "$(figures)" = "$last" ] || wrong "train has $(figures), not $last"
warned 'best \(lost/checkpoints/best\.h5\): missing'
checked "best.h5 missing, damaged, of another epoch: the newest checkpoint, and a warning with the reason"

trained unkept $newest --set checkpoint.keep_best=false
warned 'best .*: not kept, checkpoint\.keep_best is false'
has_result unkept $newest "$correct"
trained plain step-00000152.h5 --set data.validation=0
[ ! -s err ] || wrong "a warning without validation samples"
has_result plain step-00000152.h5 "$correct"
checked "keep_best = false, or no validation samples: the newest checkpoint"

trained averaged step-00000152.h5 --set data.validation=0 --set train.average=0.99
expect_exit 0 "$program" train worse.ini --out averaged --resume --set data.validation=0
[ "$(figures)" = "$correct" ] || wrong "train has $(figures), not $correct"
checked "average switched off after the end: the result remains the average"

# the newest checkpoint is in the middle of an epoch that nothing has measured
expect_exit 75 "$program" train worse.ini --out part --set data.validation=0 --set train.max_steps=50
expect_exit 0 "$program" metrics part --result --csv
[ "$(cut -d, -f1,2 out | tail -n 1)" = 2,38 ] || wrong "not the last evaluated epoch"
expect_exit 0 "$program" report part
tr '\n' ' ' <part/report.html | grep -q 'step-00000050\.h5: epoch 3, step 50; accuracy and error are those of step 38' ||
    wrong "the page does not state that the figures are older than the weights"
checked "a checkpoint inside an epoch: the row of the last evaluated epoch, which the page states"
