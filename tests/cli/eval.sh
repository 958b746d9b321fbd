#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# eval: text and JSON have the same figures, and the confusion matrix is that of predict.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

expect_exit 0 "$program" data synth set --train 1000 --test 300
write_config set.ini data.source=idx data.dir="$scratch/set" data.validation=100 model.hidden=16 \
    train.epochs=2 train.batch=20
expect_exit 0 "$program" train set.ini --out run

# json KEY: prints the number or the text of this key of the JSON object in out
json() {
    sed -nE "s/.*\"$1\": (\"([^\"]*)\"|[^],}]*).*/\1/p" out | tr -d '"'
}

for split in test train validation; do
    expect_exit 0 "$program" eval run --split $split
    mv out text
    expect_exit 0 "$program" eval run --split $split --json
    [ "$(wc -l <out)" -eq 1 ] || wrong "not one line of JSON"
    expect_no_text out confusion
    line=$(awk -v checkpoint="$(json checkpoint)" -v epoch="$(json epoch)" -v step="$(json step)" \
        -v name="$(json split)" -v count="$(json count)" -v correct="$(json correct)" \
        -v error="$(json error)" -v loss="$(json loss)" 'BEGIN {
        printf "checkpoint %s: epoch %d, step %d\n", checkpoint, epoch, step
        printf "%s: accuracy %.2f %%, error %.2f %% (%d of %d correct), loss %.6f\n",
            name, 100 - 100 * error, 100 * error, correct, count, loss }')
    [ "$line" = "$(cat text)" ] || wrong "text and JSON differ: $line"
done
checked "the figures of the text and of --json are the same: test, train, validation"

# the matrix by predict: one row for each label
gzip -dcf set/t10k-labels-idx1-ubyte | od -An -v -tu1 -w1 -j8 | tr -d ' ' >labels
expect_exit 0 "$program" predict run set/t10k-images-idx3-ubyte
cut -f 3 out | paste labels - | awk '{ n[$1 "," $2]++; total[$1]++ }
    END { for (i = 0; i < 10; i++) {
              line = i
              for (j = 0; j < 10; j++) line = line " " n[i "," j] + 0
              printf "%s %.2f %%\n", line, 100 * (total[i] - n[i "," i]) / total[i] } }' >wanted
for ranks in 0 2 3; do
    expect_mpi_exit 0 $ranks "$program" eval run --confusion
    expect_text out '^samples of each class \(rows\) by prediction \(columns\)$'
    sed -nE 's/^ +([0-9]+ .*%)$/\1/p' out | tr -s ' ' | diff - wanted >difference ||
        wrong "another matrix on $ranks ranks: $(cat difference)"
    mv out text
    expect_mpi_exit 0 $ranks "$program" eval run --confusion --json
    sed -nE 's/.*"confusion": \[\[(.*)\]\], "class_error": \[(.*)\]\}$/\1/p' out |
        sed 's/\], \[/\n/g' | tr -d , | paste -d ' ' - <(sed -nE 's/.*"class_error": \[(.*)\]\}$/\1/p' out |
        sed 's/, /\n/g' | awk '{ printf "%.2f %%\n", 100 * $1 }') >json
    cut -d ' ' -f 2- wanted | diff json - >difference || wrong "another matrix in JSON: $(cat difference)"
done
checked "--confusion: the matrix of predict and labels, on 1, 2 and 3 ranks, as text and JSON"

# no image of class 9 and 8: the matrix has empty rows
mkdir few
cp set/*images* few
for file in set/*labels*; do
    { head -c 8 "$file"; tail -c +9 "$file" | tr '\010\011' '\0\1'; } >"few/${file##*/}"
done
expect_exit 0 "$program" eval run --data few --confusion
expect_text out '^ +9 .* -$'
expect_exit 0 "$program" eval run --data few --confusion --json
expect_text out ', null, null\]\}$'
checked "a class without samples has no error: -, and null in JSON"

expect_exit 0 "$program" data synth tiny --train 80 --test 50
expect_exit 0 "$program" eval run --data tiny
expect_text out '^test: .* of 50'
expect_exit 78 "$program" eval run --data tiny --split validation
expect_exit 0 "$program" report run --data tiny -o tiny.html
expect_text tiny.html 'class="confusion"'
checked "the test set of a folder with fewer training samples than data.validation"

expect_exit 0 "$program" train set.ini --set data.source=synthetic --set data.train_limit=200 \
    --set train.epochs=1 --out "a\"b"
expect_exit 0 "$program" eval "a\"b" --json
expect_text out '^\{"checkpoint": "a\\"b/.*"synthetic": true'
expect_one_line_error 64 0 'jsn.*json' "$program" eval run --jsn
expect_one_line_error 66 0 nowhere "$program" eval nowhere --json
[ ! -s out ] || wrong "JSON in spite of a failure"
if find_python "valid JSON" json; then
    expect_exit 0 "$program" eval "a\"b" --json
    "$python" -m json.tool out >pretty 2>err || wrong "no JSON"
    expect_exit 0 "$program" eval run --json --confusion
    "$python" -m json.tool out >pretty 2>err || wrong "no JSON with --confusion"
fi
checked "JSON of a path with a quote, of synthetic data; nothing but the error after a failure"

# --- committees

for seed in 2 3; do
    expect_exit 0 "$program" train set.ini --out run-$seed --set train.seed=$seed \
        --set model.hidden=$((8 * seed)) --set model.activation=relu --set data.width=$((28 - 7 * seed))
    sed -n 's/^test *//p' out >trained
    expect_exit 0 "$program" eval run-$seed
    sed -n 's/^test: //p' out | diff - trained >difference || wrong "eval differs from train: $(cat difference)"
done
committee=(run run-2 run-3)
for member in "${committee[@]}"; do
    expect_exit 0 "$program" predict "$member" set/t10k-images-idx3-ubyte --probabilities
    cut -f 7- out >"$member.csv"
    expect_exit 0 "$program" eval "$member"
    sed -n 's/^test: //p' out >"$member.figures"
done
# the class with the largest mean, and the loss of the mean
paste labels run.csv run-2.csv run-3.csv | awk '{ best = 0
        for (j = 0; j < 10; j++) { p[j] = ($(2 + j) + $(12 + j) + $(22 + j)) / 3
            if (p[j] > p[best]) best = j }
        print best >"classes"; good += best == $1; loss -= log(p[$1]) }
    END { print good, NR, loss / NR }' >wanted
expect_exit 0 "$program" predict "${committee[@]}" -- set/t10k-images-idx3-ubyte
cut -f 3 out | diff - classes >difference || wrong "predict: not the class with the largest mean"
[ "$(grep -c '^shardnet: checkpoint ' err)" -eq 3 ] || wrong "not three checkpoints are named"
for ranks in 0 2 3; do
    expect_mpi_exit 0 $ranks "$program" eval "${committee[@]}" --confusion
    [ "$ranks" = 0 ] || diff out text >difference || wrong "other figures on $ranks ranks: $(cat difference)"
    mv out text
done
sed -nE 's/^test: .*\(([0-9]+) of ([0-9]+) correct\), loss ([0-9.]+); mean of the probabilities of 3 networks$/\1 \2 \3/p' text |
    paste -d ' ' - wanted | awk '{ d = $3 - $6 } END { exit !($1 == $4 && $2 == $5 && d * d < 1e-8) }' ||
    wrong "not the mean of predict, $(cat wanted): $(cat text)"
for member in "${committee[@]}"; do
    grep '^checkpoint' text | sed 's/^[^:]*: [^:]*: //' | grep -qxFf "$member.figures" || wrong "no figures of $member"
done
expect_exit 0 "$program" eval "${committee[@]}" --json
[ "$(grep -o '"checkpoint": ' out | wc -l)" -eq 3 ] || wrong "not three members in JSON"
correct=$(sed -nE 's/^test: .*\(([0-9]+) of .*/\1/p' text)
expect_text out "^\{\"members\": \\[\{.*\}\\], \"split\": \"test\", .*\"correct\": $correct,"
expect_exit 0 "$program" compare "${committee[@]}" --json
expect_text out '"comparable": true'
checked "a committee of 3: the mean of the probabilities, on 1, 2 and 3 ranks, in eval and predict"

# these networks give the labels probabilities that are 0 as floats
for seed in 1 2; do
    expect_exit 0 "$program" train set.ini --out sure-$seed --set train.seed=$seed --set model.hidden= \
        --set optimizer.learning_rate=100 --set train.epochs=1
done
expect_exit 0 "$program" eval sure-1 sure-2
sed -nE 's/.*, loss ([^;]*).*/\1/p' out | paste -s -d ' ' |
    awk '{ exit !($1 > 200 && $2 > 200 && $3 > 100 && $3 <= ($1 + $2) / 2) }' || wrong "another loss: $(cat out)"
checked "the loss of a committee is at most the mean of its members' losses, also where these are large"

write_config other.ini data.source=synthetic data.train_limit=200 model.hidden=8 train.epochs=1
expect_exit 0 "$program" train other.ini --out other
expect_one_line_error 65 0 'committee \(other/.*\): other data than run/' "$program" eval run other
expect_exit 0 "$program" eval run other --data set
expect_one_line_error 65 0 'other data than run/' "$program" eval run other --data set --split validation
cp -r set same
expect_exit 0 "$program" train set.ini --out wide --set data.width=20 --set data.dir="$scratch/same"
expect_exit 0 "$program" eval "${committee[@]}" wide --split validation
expect_exit 0 "$program" eval "${committee[@]}" --checkpoint last
expect_one_line_error 64 0 'several runs have no common checkpoint' "$program" eval run run-2 \
    --checkpoint "$(newest_checkpoint run)"
# images of 20 x 20 from the bytes of the others
number() {
    # shellcheck disable=SC2059
    printf "\\0\\0\\$(printf %o $(($1 / 256)))\\$(printf %o $(($1 % 256)))"
}
mkdir small
for name in train t10k; do
    { printf '\0\0\10\3' && number 200 && number 20 && number 20 &&
        head -c $((16 + 200 * 400)) set/$name-images-idx3-ubyte | tail -c +17; } >small/$name-images-idx3-ubyte
    { printf '\0\0\10\1' && number 200 && head -c $((8 + 200)) set/$name-labels-idx1-ubyte |
        tail -c +9; } >small/$name-labels-idx1-ubyte
done
expect_exit 0 "$program" train set.ini --out small-run --set data.dir="$scratch/small" --set data.validation=0
for ranks in 0 2; do
    expect_one_line_error 65 $ranks 'committee \(small-run/.*\): 400 inputs and 10 classes, but run/' \
        "$program" eval run small-run
done
mkdir narrow
for name in train t10k; do
    cp set/$name-labels-idx1-ubyte narrow
    { head -c 8 set/$name-images-idx3-ubyte && number 56 && number 14 &&
        tail -c +17 set/$name-images-idx3-ubyte; } >narrow/$name-images-idx3-ubyte
done
for ranks in 0 2; do
    expect_one_line_error 65 $ranks 'images of 14 columns, but the model has data.width = 20' \
        "$program" eval wide --data narrow
    expect_one_line_error 65 $ranks 'images of 14 columns, but the model has data.width = 20' \
        "$program" eval run wide --data narrow
done
checked "members of other data, with other inputs, or too wide: one line, exit 65"

mkdir begun
cp run/config.ini run/metrics.h5 begun
expect_exit 0 "$program" compare begun run other --json
expect_text out '"comparable": false'
checked "a run without a result hides no difference between the others"
