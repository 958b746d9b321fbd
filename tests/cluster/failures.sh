#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A job is requeued by scontrol, preempted by a more important job, and loses a node where it
# needs both.  It is resumed each time, and ends with the bytes of an undisturbed run.
set -euo pipefail
# shellcheck source=../lib/slurm.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/slurm.sh"
setup_cluster "$@"

for launcher in srun mpirun; do
    write_job "$endless"
    SHARDNET_LAUNCHER=$launcher train "early-$launcher"
    wait_for_log "early-$launcher" '^shardnet [0-9]'
    scontrol requeue "$id"
    wait_for_log "early-$launcher" 'because Slurm ends the job'
    compgen -G "early-$launcher/checkpoints/step-*.h5" >out || fail_job "early-$launcher" "no checkpoint"
    write_job 20
    wait_for_start "early-$launcher" 1
    wait_for_state "early-$launcher" COMPLETED
    expect_exit 0 grep -q '^resume' "early-$launcher.log"
    same_as_undisturbed "early-$launcher"
    checked "$launcher: requeued by scontrol in its first second: a checkpoint, resumed"
done

write_job "$endless"
options=(-p low)
SHARDNET_MIN_NODES=2 train unlucky
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
