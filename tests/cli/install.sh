#!/usr/bin/env bash
# The installed program and the installed package: a program of somebody else's, found by
# find_package(shardnet), trains.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
setup_test "$@"
cd -- "$scratch"

expect_exit 0 cmake --install "$(dirname -- "$program")" --prefix "$scratch/prefix"
expect_exit 0 prefix/bin/shardnet --version
checked "cmake --install: $(cat out)"

sanitize=$(sed -n 's/^SHARDNET_SANITIZE:[A-Z]*=//p' "$(dirname -- "$program")/CMakeCache.txt")
expect_exit 0 cmake -S "$source_root/tests/install" -B consumer \
    -DCMAKE_PREFIX_PATH="$scratch/prefix" \
    -DCMAKE_C_FLAGS="${sanitize:+-fsanitize=$sanitize}"
expect_exit 0 cmake --build consumer
checked "find_package(shardnet) and a program that uses it build"

expect_mpi_exit 0 3 consumer/embed run
expect_text out '^trained: [0-9]+ of 4000 correct after 96 steps on 2 ranks of 3'
[ -e run/checkpoints/step-00000096.h5 ] || wrong "no checkpoint"
checked "it trains on 2 ranks of 3, a communicator of its own: $(cat out)"
