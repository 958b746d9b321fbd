#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Time limits, by either launcher: Slurm signals the job before the limit; the job writes a
# checkpoint, is requeued and resumed, and ends with the bytes of an undisturbed run.
set -euo pipefail
# shellcheck source=../lib/slurm.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/slurm.sh"
setup_cluster "$@"

write_job "$endless"
SHARDNET_LAUNCHER=mpirun train by-mpirun
wait_for_epochs by-mpirun
signal_job
wait_for_log by-mpirun '; requeueing'
cut_short by-mpirun
wait_for_start by-mpirun 1
wait_for_state by-mpirun COMPLETED
expect_exit 0 grep -q '^resume' by-mpirun.log
same_as_undisturbed by-mpirun
checked "mpirun: signalled, checkpoint, requeued, resumed, the same bytes"

# Slurm compares the limit with its clock every half minute, and sends a signal that is due
# before the next time.  This one is due 5 seconds after the start: one that is due at once can
# arrive before bash has read the script and end the job
write_job "$endless"
options=(-t 2 --signal=B:USR1@85)
train by-srun
wait_for_log by-srun '; requeueing'
cut_short by-srun
wait_for_start by-srun 1
wait_for_state by-srun COMPLETED
expect_exit 0 grep -q '^resume' by-srun.log
same_as_undisturbed by-srun
expect_exit 0 grep -q '^limit ' by-srun.log
checked "srun: signalled before the time limit, checkpoint, requeued, resumed, the same bytes"
