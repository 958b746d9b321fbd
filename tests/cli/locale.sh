#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A locale with a decimal comma: a program that sets it before or between calls of the library,
# or a user whose environment has it, gets the numbers, files and lines of the locale C.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

embed=$(dirname -- "$program")/tests/train_in_locale
command -v localedef >/dev/null || lack "no localedef: this C library has no such locales"
[ -e /usr/share/i18n/locales/de_DE ] || skip "no sources of locales (Debian: locales)"
localedef -i de_DE -f UTF-8 ./de_DE.UTF-8 || lack "localedef makes no de_DE.UTF-8"
export LOCPATH=$scratch
[ "$(LC_ALL=de_DE.UTF-8 bash -c 'printf %.1f 1')" = 1,0 ] || lack "de_DE.UTF-8 has no decimal comma"

# steady FILE: its lines without times and speeds, which differ from run to run
steady() {
    sed -E '/^(time|step|store|slowest) /d; s/  [0-9]+ images\/s.*//; s/run-[a-z]*/RUN/g' "$1"
}

for when in never first between thread; do
    # stopped in the middle of an epoch, and resumed
    expect_mpi_exit 0 2 "$embed" $when run-$when train.max_steps=11
    [ ! -s err ] || wrong "$when: a warning"
    steady out >$when.lines
    expect_mpi_exit 0 2 "$embed" $when run-$when optimizer.momentum=0.875
    [ ! -s err ] || wrong "$when: a warning"
    steady out >>$when.lines
    expect_exit 0 "$program" metrics run-$when --csv
    cut -d, -f 1-10 out >$when.epochs
    expect_exit 0 "$program" metrics run-$when --csv --table steps
    cut -d, -f 1-5 out >$when.steps
    cmp run-never/config.ini run-$when/config.ini || wrong "$when: another config.ini"
    mv run-$when.keys $when.keys
    for file in keys lines epochs steps; do
        diff never.$file $when.$file >out || wrong "$when: other $file"
    done
    for checkpoint in step-00000011.h5 step-00000018.h5 best.h5; do
        expect_exit 0 "$program" diff {run-never,run-$when}/checkpoints/$checkpoint
    done
done
grep -q "^learning_rate = 0\.05$" run-never/config.ini || wrong "config.ini lacks its numbers"
checked "a program with a decimal comma: parse, train, resume, evaluate as in the locale C"

# --- the program and the scripts, by a user with this locale
# same_output COMMAND...: prints the same in both locales
same_output() {
    expect_exit 0 env LC_ALL=C "$@"
    mv out wanted
    expect_exit 0 env LC_ALL=de_DE.UTF-8 "$@"
    cmp out wanted || wrong "another output with a decimal comma: $*"
}
same_output "$program" metrics run-never --csv
same_output "$program" metrics run-never
same_output "$program" inspect run-never/checkpoints/best.h5
same_output "$program" plan run-never/config.ini --gflops 1.5 --memory-gbyte 2.5 --set optimizer.l2=1e-5
for locale in C de_DE.UTF-8; do
    expect_exit 0 env LC_ALL=$locale "$program" report run-never -o report.html
    sed 's/, at [^ ]*Z\.<.footer>//' report.html >$locale.html
done
cmp C.html de_DE.UTF-8.html || wrong "another report.html with a decimal comma"
SHARDNET=$program same_output "$source_root/jobs/sweep-summary.sh" .
checked "the program, gnuplot and sweep-summary.sh where the user has a decimal comma"
