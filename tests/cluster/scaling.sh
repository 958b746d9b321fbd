#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Two hosts 1 Gbit/s apart: a step takes about as long as `shardnet plan` predicts.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
require_namespaces "iproute2 util-linux" tc

compare=$source_root/tests/bench/scaling.sh
export PROGRAM=$program HOSTS=2 RATES=1 REPEATS=5 SECONDS_EACH=0.2

BOUND=30 expect_exit 0 "$compare"
NETWORK=$(sed -n 's/^measured: latency \([^ ]*\) us, a core serves \([^ ]*\) .*/\1 \2/p' "$scratch/out")
export NETWORK
checked "two hosts, 1 Gbit/s: $(tail -n 1 "$scratch/out")"

BOUND=0.0001 expect_exit 1 "$compare"
checked "a prediction beyond the bound is a failure"
