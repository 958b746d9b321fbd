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
