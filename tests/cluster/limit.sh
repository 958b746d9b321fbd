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

# Slurm compares the limit with its clock every half minute, and a signal one minute before a
# limit of one minute is due at once
write_job "$endless"
options=(-t 1 --signal=B:USR1@60)
train by-srun
wait_for_log by-srun '; requeueing'
cut_short by-srun
wait_for_start by-srun 1
wait_for_state by-srun COMPLETED
expect_exit 0 grep -q '^resume' by-srun.log
same_as_undisturbed by-srun
expect_exit 0 grep -q '^limit ' by-srun.log
checked "srun: signalled before the time limit, checkpoint, requeued, resumed, the same bytes"
