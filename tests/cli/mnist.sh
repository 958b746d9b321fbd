#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The real thing: the article's network on MNIST, and its files read by Python.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
if [ -z "$mnist" ]; then
    lack "MNIST: SHARDNET_DATA is not set"
fi
mnist=$(absolute "$mnist")
cd -- "$scratch"

expect_exit 0 "$program" data check "$mnist"
expect_text out '^original MNIST: yes'
checked "SHARDNET_DATA holds the original MNIST"

expect_mpi_exit 0 2 env SHARDNET_DATA="$mnist" "$program" train \
    "$source_root/configs/article.ini" --out run
expect_text out '^test +accuracy .*of 10000 correct'
correct=$(sed -n 's/^test .*(\([0-9]*\) of 10000 correct).*/\1/p' out)
[ "$correct" -ge 9500 ] || wrong "accuracy below 95 %"
checked "configs/article.ini on 2 ranks: $correct of 10000 correct; $(grep '^time' out)"

expect_exit 0 "$program" eval run
expect_text out "\($correct of 10000 correct\)"
checked "eval agrees"

images=("$mnist"/t10k-images-idx3-ubyte*) labels=("$mnist"/t10k-labels-idx1-ubyte*)
read_by_python run "${images[0]}" "${labels[0]}"
if [ -n "$predicted" ]; then
    [ "$predicted" = "$correct of 10000" ] || wrong "Python predicts $predicted, eval $correct"
    checked "Python reads checkpoint and metrics, and predicts as eval: $predicted"
fi

if find_python "the predictions on a report's page" h5py numpy; then
    expect_exit 0 "$program" report run
    expect_exit 0 "$python" "$source_root/tests/cli/check_report.py" run run/report.html "${images[0]}" "${labels[0]}"
    [ "$(wc -c <run/report.html)" -lt 2000000 ] || wrong "a page of more than 2 MB"
    checked "report: $(cat out); $(wc -c <run/report.html) bytes"
fi

# a mirror with a damaged file is passed over; what is there is kept
if [ -e "$mnist/train-images-idx3-ubyte.gz" ]; then
    mkdir damaged
    cp -- "$mnist"/*.gz damaged
    chmod -R u+w damaged
    printf 'xxxx' | dd of=damaged/t10k-labels-idx1-ubyte.gz bs=1 seek=3000 conv=notrunc status=none
    expect_exit 0 "$program" data fetch fetched --from "file://$scratch/damaged" \
        --from "file://$mnist"
    [ "$(grep -c '^fetched' out)" -eq 4 ] || wrong "not four files were fetched"
    expect_exit 0 "$program" data fetch fetched --from "file://$scratch/damaged"
    [ "$(grep -c '^kept' out)" -eq 4 ] || wrong "not four files were kept"
    expect_exit 0 "$program" data check fetched
    expect_text out '^original MNIST: yes'
    mkdir packed
    cp -- "$mnist/train-images-idx3-ubyte.gz" packed
    expect_exit 0 "$program" data fetch packed --from "file://$mnist"
    expect_text out '^kept .*packed/train-images-idx3-ubyte\.gz$'
    [ "$(grep -c '^fetched' out)" -eq 3 ] && [ ! -e packed/train-images-idx3-ubyte ] ||
        wrong "the .gz that is there and right is not kept"
    rm fetched/t10k-labels-idx1-ubyte
    expect_one_line_error 65 0 't10k-labels' "$program" data fetch fetched \
        --from "file://$scratch/damaged"
    expect_one_line_error 66 0 'nowhere' "$program" data fetch fetched --from "file://$scratch/nowhere"
    [ -z "$(find fetched -name '*.tmp*')" ] || wrong "data fetch leaves temporary files"
    checked "data fetch: damaged mirror passed over, files kept, plain or .gz, exit 65 and 66"
fi
