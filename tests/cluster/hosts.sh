#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Four hosts: a rank that is stopped, a host that disappears.
set -euo pipefail
# shellcheck source=../lib/net.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/net.sh"
setup_network "$@"

train stopped
kill -STOP "$(pid_on h3)"
broken_off 75 '^shardnet: error: no progress for [0-9]+ s \(rank 2 on h3, .*: no heartbeat from rank 2 for .*--resume$'
[ "$(grep -c '^shardnet:' err)" -eq 1 ] || wrong "not one line about the hang"
all_leave h1 h2 h3 h4
resumed stopped
checked "SIGSTOP of the rank on h3: exit 75, rank 2 on h3 named, resumed"

train first
kill -STOP "$(pid_on h1)"
broken_off 75 '^shardnet: error: no progress for [0-9]+ s \(rank 0 on h1, .*: no heartbeat from rank 0 for '
all_leave h1 h2 h3 h4
resumed first
checked "SIGSTOP of rank 0: exit 75, named by another rank, resumed"

# mpirun, which probes its daemons every few seconds here, or a rank names it, in either order
train crashed
"$net" crash h3
broken_off 205 'rank 2 on h3|on node h3'
all_leave h1 h2 h4
resumed crashed
checked "a power failure of h3: the job ends, h3 is named, resumed"
