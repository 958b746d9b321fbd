#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A more important job preempts a job, which later loses a node: it is requeued and resumed
# each time, and ends with the bytes of an undisturbed run.
set -euo pipefail
# shellcheck source=../lib/slurm.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/slurm.sh"
setup_cluster "$@"

write_job "$endless"
options=(-p low)
train unlucky
wait_for_epochs unlucky
important=$(sbatch --parsable -N 2 --exclusive -t 1 -o important.log --wrap 'sleep 1')
wait_for_start unlucky 1
[ "$(state "$important")" = COMPLETED ] || fail_job unlucky "was not preempted"
wait_for_epochs unlucky
expect_exit 0 grep -q '^resume' unlucky.log
checked "preempted: requeued and resumed"

"$lab" crash node2
scontrol update nodename=node2 state=down reason=crash
wait_for_state unlucky PENDING
"$lab" boot node2
cut_short unlucky
wait_for_start unlucky 2
wait_for_state unlucky COMPLETED
[ "$(grep -c '^resume' unlucky.log)" -eq 2 ] || fail_job unlucky "was not resumed twice"
same_as_undisturbed unlucky
checked "a node crashed: requeued and resumed, the bytes of an undisturbed run"
