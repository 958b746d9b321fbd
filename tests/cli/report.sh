#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# report writes one well-formed page about a run, with and without plots, for any file names.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

# page FILE: FILE is well-formed; write its text to page.txt
page() {
    cp out printed
    expect_exit 0 python3 "$source_root/tests/cli/check_html.py" "$1"
    cp out page.txt
    cp printed out
}

# expect_page PATTERN...: the text of the page matches every pattern
expect_page() {
    local pattern
    for pattern in "$@"; do
        grep -Eq -- "$pattern" page.txt || { cp page.txt out && wrong "the page has nothing like '$pattern'"; }
    done
}

write_config small.ini data.source=synthetic data.train_limit=600 data.validation=100 \
    model.hidden=16,8 model.activation=relu train.epochs=4 train.batch=50 train.eval_every=2 \
    checkpoint.every_epochs=1
expect_mpi_exit 0 2 "$program" train small.ini --out run
accuracy=$(sed -n 's/^test .*accuracy \([0-9.]*\) %.*/\1/p' out)
correct=$(sed -n 's/^test .*(\([0-9]*\) of .*/\1/p' out)
best=$(sed -n 's/^best .*epoch \([0-9]*\),.*/\1/p' out)

# --- without gnuplot

mkdir bin
expect_exit 0 env PATH="$scratch/bin" "$program" report run
expect_text out '^report +run/report\.html$'
expect_text out '^plots +none: gnuplot is not installed$'
[ ! -s err ] || wrong "a successful report prints to stderr"
page run/report.html
expect_page '^plots 0, tables 7$' 'This page has no plots: gnuplot is not installed' \
    "(^| )$best best epoch" '784-16-8-10, relu, 12786 parameters' '500 training images, 100 held out' \
    "Program shardnet $("$program" --version | sed 's/^shardnet \([0-9.]*\).*/\1/')" \
    '2 in the last epoch; hosts of the run: [^ ]' 'Training finished after epoch 4 of 4' \
    'step-00000040\.h5 4 40 [0-9.]+ 20[0-9TZ:-]+ good' 'best\.h5' 'hidden = 16, ?8' 'The only host'
sed -n 's/.* \([0-9.]*\) % test accuracy.*/\1/p' page.txt |
    awk -v printed="$accuracy" '{ d = $1 - printed; exit !(d * d < 0.0002) }' ||
    wrong "the accuracy is not $accuracy"
left=$(find run -name '*.tmp*')
[ -z "$left" ] || wrong "temporary files are left: $left"
checked "a page without plots has the accuracy that train printed: $accuracy"

expect_page 'Settings other than the defaults key value default data\.source synthetic mnist ' \
    'model\.hidden 16, ?8 30 ' 'train\.epochs 4 10 ' 'comm\.reduce node auto ' \
    "classifies $((4000 - correct)) of 4000 images wrongly" 'Weights of the first layer.* unit 15 '
sed 's/ Configuration .*//' page.txt | grep -q 'dropout' && wrong "a key with its default is listed"
checked "a page lists the settings other than the defaults"

printf '#!/bin/sh\nexit 3\n' >bin/gnuplot
chmod +x bin/gnuplot
expect_exit 0 env PATH="$scratch/bin:$PATH" "$program" report run -o failed.html
expect_text out '^plots +none: gnuplot failed$'
page failed.html
expect_page '^plots 0, ' 'This page has no plots: gnuplot failed'
printf '#!/bin/sh\nexec cat\n' >bin/gnuplot
expect_exit 0 env PATH="$scratch/bin:$PATH" "$program" report run -o failed.html
expect_text out '^plots +none: gnuplot drew no plot$'
checked "gnuplot fails, or prints text that is not a plot"
rm bin/gnuplot

# --- with gnuplot

if command -v gnuplot >/dev/null; then
    mkdir home temporary
    printf 'set terminal dumb\nset output "litter"\n' >home/.gnuplot
    expect_exit 0 env HOME="$scratch/home" TMPDIR="$scratch/temporary" "$program" report run -o run.html
    expect_no_text out '^plots'
    page run.html
    expect_page '^plots 4, tables 7$' 'training .*validation .*test' 'wait .*reduce .*update .*compute .*gather'
    [ ! -e litter ] && [ -z "$(ls temporary)" ] || wrong "temporary files remain"
    checked "plots by gnuplot ignore settings of the user and leave no files"
else
    skip_part "plots: no gnuplot"
fi

# --- names that contain HTML, shell or gnuplot code

hostile=$'a<script>alert(1)</script>&"\'`touch litter`$(touch litter)\xff'
expect_exit 0 "$program" data synth "data $hostile" --train 300 --test 50
write_config hostile.ini data.source=idx "data.dir=data $hostile" model.hidden=4 train.epochs=1
expect_exit 0 "$program" train hostile.ini --out "$hostile"
expect_exit 0 "$program" report "$hostile"
page "$hostile/report.html"
expect_page 'a<script>alert\(1\)</script>&"' 'data a<script>'
[ ! -e litter ] || wrong "a name was executed as a command"
if find_python "host names with code" h5py; then
    cp -r run hosts
    cat >hosts.py <<'PYTHON'
import h5py

with h5py.File("hosts/metrics.h5", "r+") as f:
    rows = f["ranks"][...]
    rows["host"] = [b"</td><script>", b"plain", b"\x01\xff'; system('touch litter') #", b"plain"] * 2
    rows["compute_seconds"] = [1, 3] * 4
    rows["gather_seconds"] = 0
    f["ranks"][...] = rows
PYTHON
    expect_exit 0 "$python" hosts.py
    expect_exit 0 "$program" report hosts
    page hosts/report.html
    expect_page 'Slowest host: plain , with 3 s per epoch and rank for gather and compute, 80\.0 % more' '</td><script>'
    [ ! -e litter ] || wrong "a host name was executed as a command"
    checked "host names with code are escaped; the page names the slowest host"
fi
checked "folder names with code are escaped and not executed"

# --- predictions for the test set

expect_exit 0 "$program" data synth set --train 500 --test 300
write_config idx.ini data.source=idx data.dir="$scratch/set" model.hidden=12 model.dropout_hidden=0.1 train.epochs=3
expect_exit 0 "$program" train idx.ini --out idx
expect_exit 0 "$program" report idx
page idx/report.html
expect_page 'model\.dropout_hidden 0\.1 0 '
if find_python "predictions by NumPy" h5py numpy; then
    expect_exit 0 "$python" "$source_root/tests/cli/check_report.py" idx idx/report.html set/t10k-*
    checked "the predictions on the page are those of NumPy: $(cat out)"
fi
mv set moved
expect_exit 0 "$program" report idx
page idx/report.html
expect_page 'This page has no predictions: no data of the run \(.*set\): moved or removed' 'Weights of the first layer'
expect_exit 0 "$program" report idx --data moved
page idx/report.html
expect_page 'Worst mistakes'
expect_exit 0 env SHARDNET_DATA=moved "$program" report idx
expect_text err '^shardnet: warning: data \(.*set\): moved or removed; using SHARDNET_DATA'
page idx/report.html
expect_page 'Worst mistakes' 'moved or removed; using SHARDNET_DATA \(moved\)'
rm moved/t10k-labels*
expect_exit 0 "$program" report idx --data moved
page idx/report.html
expect_page 'This page has no predictions: .*t10k-labels'
checked "a page without the data set has a sentence about it; --data and SHARDNET_DATA"

# --- several runs

expect_mpi_exit 0 2 "$program" train small.ini --out slow --set optimizer.learning_rate=0.0001
write_config plain.ini data.source=synthetic data.train_limit=600 model.hidden=16,8 train.epochs=2 train.batch=50
expect_exit 0 "$program" train plain.ini --out "plain <b>"
expect_exit 0 "$program" compare "plain <b>" slow run
expect_text err '^shardnet: warning: comparison: the runs do not hold out the same validation samples'
expect_text out '^ +1 +[0-9.]+ +[0-9.]+ +[0-9]+ +4 .* run$'
expect_text out '^ +2 +[0-9.]+ +[0-9.]+ +[0-9]+ +4 .* slow$'
expect_text out '^ +- +- +[0-9.]+ +2 +2 .* plain <b>$'
expect_text out '^rank  optimizer\.learning_rate .* model\.activation .* run$'
expect_no_text out 'train\.batch|augment'
expect_exit 0 "$program" compare run slow
[ ! -s err ] || wrong "a warning about comparable runs"
grep -A 9 '^$' out | tr -s ' ' >settings
diff - settings >difference <<'TEXT' || wrong "other settings: $(cat difference)"

rank optimizer.learning_rate run
 1 0.1 run
 2 0.0001 slow
TEXT
expect_exit 0 "$program" compare run run
expect_text out '^All settings are the same\.$'
[ "$(grep -c '^ *1 .* run$' out)" -eq 2 ] || wrong "equal runs do not have equal ranks"
checked "compare ranks by validation error and prints the settings that differ"

"$program" metrics slow --csv --result 2>/dev/null | tail -n 1 | cut -d, -f 1,8,10 >wanted
expect_exit 0 "$program" compare slow run --json
if find_python "the JSON of compare" json; then
    "$python" -c 'import json; report = json.load(open("out")); one = report["runs"][1]
assert report["comparable"] and [report["runs"][0][k] for k in ("run", "rank")] == ["run", 1]
assert one["settings"] == {"optimizer.learning_rate": "0.0001"} and one["epochs"] == 4 and one["finished"]
wanted = [float(x) for x in open("wanted").read().split(",")]
shown = [one[x] for x in ("epoch", "validation_error", "test_error")]
assert all(abs(a - b) < 1e-8 for a, b in zip(shown, wanted)), (shown, wanted)' 2>err || wrong "another JSON"
    checked "compare --json has the errors of metrics --result"
fi

expect_exit 0 "$program" report slow run "plain <b>"
page report.html
expect_page '^plots [03], tables 2$' 'Caution: the runs do not hold out' 'optimizer\.learning_rate' 'plain <b> ' \
    'The test error is shown and never ranks' ' 1 1 run ' ' 2 2 slow '
expect_exit 0 "$program" report slow run -o two.html
page two.html
grep -q 'Caution' page.txt && wrong "a caution about comparable runs"
if find_python "a test error that does not rank" h5py; then
    cp -r run lucky
    cat >lucky.py <<'PYTHON'
import h5py

with h5py.File("lucky/metrics.h5", "r+") as f:
    rows = f["epochs"][...]
    rows["test_error"] = 0
    rows["validation_error"] += 0.001
    f["epochs"][...] = rows
PYTHON
    expect_exit 0 "$python" lucky.py
    expect_exit 0 "$program" compare lucky run
    expect_text out '^ +1 .* run$'
    expect_text out '^ +2 .* 0\.00 .* lucky$'
    checked "the run with the lower test error does not win"
fi
expect_one_line_error 64 0 'missing argument \(RUN\)' "$program" compare
expect_one_line_error 66 0 'none\): not the folder of a run' "$program" compare run none
expect_one_line_error 64 0 '--data needs a single RUN' "$program" report run slow --data set
checked "report of several runs; exit codes of compare"

# --- incomplete and damaged runs

expect_exit 75 "$program" train small.ini --out young --set train.max_steps=3
expect_exit 0 "$program" report young
page young/report.html
expect_page 'No epoch has finished yet' 'step-00000003\.h5 1 3 [0-9.]+ .* good'
cp -r run broken
truncate -s -100 broken/checkpoints/step-00000040.h5
echo 'unknown = 1' >broken/config.ini
expect_exit 0 "$program" report broken
page broken/report.html
expect_page 'step-00000040\.h5 – – [0-9.]+ bad: ' 'step-00000030\.h5 3 30 [0-9.]+ [^ ]+ good' 'hidden = 16, ?8' \
    'config\.ini: .* newest good checkpoint'
rm -r broken/checkpoints broken/config.ini
expect_exit 0 "$program" report broken
page broken/report.html
expect_page 'Checkpoints There is no checkpoint' 'Model unknown' 'Training has reached epoch 4\.'
checked "no epoch yet; damaged checkpoint and configuration; only metrics"

expect_one_line_error 66 0 'none\): not the folder of a run' "$program" report none
mkdir empty
expect_one_line_error 66 0 'empty/metrics\.h5' "$program" report empty
truncate -s 5000 broken/metrics.h5
rm broken/report.html
expect_one_line_error 65 0 'broken/metrics\.h5' "$program" report broken
[ ! -e broken/report.html ] || wrong "a page in spite of damaged metrics"
expect_one_line_error 73 0 'no/such/place' "$program" report run -o no/such/place.html
expect_one_line_error 73 0 'it is a folder; give the path of a file' "$program" report run -o empty
mkfifo pipe
expect_one_line_error 73 0 'it is a device or a pipe; give the path of a file' "$program" report run -o pipe
expect_one_line_error 64 0 'missing argument \(RUN\)' "$program" report
expect_one_line_error 64 0 'missing value \(-o\)' "$program" report run -o
expect_one_line_error 64 0 'unknown option \(--pdf\)' "$program" report run --pdf
checked "exit codes: 66 without metrics, 65 damaged, 73 unwritable output, 64 usage"
cp run/report.html before.html
obey_permissions
chmod a-w run
expect_one_line_error 73 0 'run/report\.html' "${unprivileged[@]}" "$program" report run
chmod u+w run
(
    ulimit -f 4
    expect_one_line_error 74 0 'run/report\.html' "$program" report run
)
cmp -s run/report.html before.html || wrong "a page that cannot be written replaced the old one"
[ -z "$(find run -name '*.tmp')" ] || wrong "an incomplete page is left"
checked "full disk: exit 74, the old page is unchanged"
