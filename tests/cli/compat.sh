#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# This version reads, evaluates and resumes files of an older version.  tests/compat/COMMIT
# contains files by the program of that commit: a run on 2 ranks, stopped after 15 of 30 steps
# (run.tar.gz: run/), the last checkpoint after that run was continued (finished.h5), and
# the output of commands on run/.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

kept=$source_root/tests/compat/78b5531
tar -xzf "$kept/run.tar.gz"

# compare_values NAME A B: the tensors of two checkpoints are equal.  They are compared bit for
# bit only with the same BLAS kernels, which the console names.
compare_values() {
    if [ "$same_blas" = yes ]; then
        same_parameters "$2" "$3"
        checked "$1: the same bytes"
        return
    fi
    for group in /model /optimizer; do
        h5diff -d 1e-4 "$2" "$3" $group $group >out 2>err || wrong "$1: $group differs by 1e-4"
    done
    checked "$1: the same values within 1e-4; another BLAS or processor: $blas"
}

# --- commands that only read

cp -R run untouched
for name in epochs steps ranks; do
    expect_exit 0 "$program" metrics run --csv --table $name
    cmp out "$kept/$name.csv" >differ || wrong "metrics --table $name: $(cat differ)"
done
checked "metrics: the rows that the older program printed"

expect_exit 0 "$program" verify run
[ "$(grep -c '^good ' out)" -eq 3 ] || wrong "not three good files"
expect_exit 0 "$program" verify finished.h5
checked "verify: checkpoint, best.h5 and metrics.h5 are good"

expect_exit 0 "$program" inspect run --checkpoint last
expect_text out '^network +784-2-10, tanh, 1600 parameters$'
expect_text out '^progress +2 epochs and 3 steps of the next; step 15, 600 samples seen,'
expect_text out '^format +shardnet checkpoint, version 1; by shardnet 0\.1\.0 \(78b5531\)'
expect_text out 'best\.h5 +epoch +2 +step +12 '
checked "inspect: network, position and best.h5"

# --- commands that compute

settings=(run/config.ini --set train.max_steps=0)
expect_exit 0 "$program" train "${settings[@]}" --out fresh
blas=$(sed -n 's/^blas  *//p' out)
[ -n "$blas" ] || wrong "no line that names the BLAS"
same_blas=no
[ "$blas" = "$(cat "$kept/blas.txt")" ] && same_blas=yes

# evaluated FILE LINE ARGUMENT...: eval prints the accuracy and loss in that line of the output
# of the older program
evaluated() {
    expect_exit 0 "$program" eval "${@:3}"
    sed -n 's/^\(test\|validation\): //p' out >figures
    sed -n 's/^\(test\|validation\): //p' "$kept/$1" | sed -n "$2p" >expected
    if [ ! -s figures ] || [ ! -s expected ]; then
        wrong "no figures of eval ${*:3}"
    fi
    if [ $same_blas = yes ]; then
        cmp figures expected >differ || wrong "eval ${*:3}: not $(cat expected)"
    else
        paste -d' ' <(sed 's/.*loss \([0-9.]*\).*/\1/' figures) \
            <(sed 's/.*loss \([0-9.]*\).*/\1/' expected) |
            awk '{ d = $1 - $2; exit !(d * d <= 1e-8) }' || wrong "eval ${*:3}: not $(cat expected)"
    fi
    checked "eval ${*:3}: $(cat figures)"
}
evaluated eval-test.txt 1 run/checkpoints/step-00000015.h5
evaluated eval-test.txt 2 run/checkpoints/best.h5
evaluated eval-validation.txt 1 run/checkpoints/step-00000015.h5 --split validation
diff -r run untouched >differ || wrong "a command that reads changed the run: $(cat differ)"

compare_values "the complete run by this program" fresh/checkpoints/step-00000030.h5 finished.h5
for ranks in 1 2; do
    cp -R untouched resumed-$ranks
    expect_mpi_exit 0 $ranks "$program" train "${settings[@]}" --out resumed-$ranks --resume
    expect_text out '^resume +resumed-[12]/checkpoints/step-00000015\.h5: epoch 3, step 15$'
    expect_no_text out '^changed ' # the older program did not know all keys
    compare_values "resumed on $ranks ranks" resumed-$ranks/checkpoints/step-00000030.h5 finished.h5
    for name in epochs steps ranks; do
        expect_exit 0 "$program" metrics resumed-$ranks --csv --table $name
        head -n "$(wc -l <"$kept/$name.csv")" out | cmp - "$kept/$name.csv" >differ ||
            wrong "rows of $name before the resumption: $(cat differ)"
    done
    [ "$(table resumed-$ranks steps step | wc -l)" -eq 31 ] || wrong "not 30 steps"
    [ "$(table resumed-$ranks epochs epoch | wc -l)" -eq 6 ] || wrong "not 5 epochs"
    [ "$(table resumed-$ranks ranks epoch | wc -l)" -eq $((5 + 3 * ranks)) ] ||
        wrong "not the rows of $ranks ranks"
    expect_exit 0 "$program" verify resumed-$ranks
    checked "resumed on $ranks ranks: every row of the older program is kept"
done
