#!/usr/bin/env bash
# The real thing: the article's network on MNIST, and its files read by Python.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
setup_test "$@"
if [ -z "$mnist" ]; then
    skip "SHARDNET_DATA is not set: it names the folder of the four MNIST files"
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
