#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# jobs/train.sbatch under a real Slurm on two nodes: complete runs by either launcher, and its
# refusals.
set -euo pipefail
# shellcheck source=../lib/slurm.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/slurm.sh"
setup_cluster "$@"

write_job 20
for launcher in '' mpirun; do
    name=plain-${launcher:-srun}
    SHARDNET_LAUNCHER=$launcher train "$name"
    wait_for_state "$name" COMPLETED
    expect_exit 0 grep -Eq '^ranks +4 on 2 nodes' "$name.log"
    expect_exit 0 grep -Eq "^== job .*, ${launcher:-srun}," "$name.log"
    same_as_undisturbed "$name"
    checked "${launcher:-srun}: 2 nodes x 2 tasks, the bytes of a run by mpirun"
done

train plain-srun
wait_for_state plain-srun COMPLETED
checked "a run that is complete: ends at once, exit code 0"

write_job "$endless"
SHARDNET_REQUEUE=no train kept
wait_for_epochs kept
signal_job
wait_for_state kept FAILED
expect_exit 0 grep -q 'ExitCode=75:0' <(scontrol show job "$id")
checked "SHARDNET_REQUEUE=no: a checkpoint and exit code 75"

train cancelled
wait_for_epochs cancelled
scancel "$id"
wait_for_state cancelled CANCELLED
expect_exit 0 grep -q 'ended with 75 because Slurm ends the job' cancelled.log
expect_exit 1 grep -q '; requeueing' cancelled.log
checked "scancel: a checkpoint, and the job stays cancelled"

write_config job.ini data.source=nonsense
train refused
wait_for_state refused FAILED
expect_exit 0 grep -q 'ExitCode=78:0' <(scontrol show job "$id")
[ "$(grep -c '^shardnet:' refused.log)" -eq 1 ] || fail_job refused "not one line of error"
checked "a wrong CONFIG: one line of error, exit code 78, not requeued"

write_job 20
printf '#!/bin/sh\nexec srun --mpi=none "%s" train job.ini --out alone\n' "$program" \
    >alone.sbatch
submit alone alone.sbatch
wait_for_state alone FAILED
expect_exit 0 grep -q 'ExitCode=78:0' <(scontrol show job "$id")
[ "$(grep -c '^shardnet: error: .*srun --mpi=pmix' alone.log)" -eq 1 ] ||
    fail_job alone "not one line of error"
[ ! -e alone/checkpoints ] || fail_job alone "separate jobs trained"
checked "srun without PMIx: one line that names the fix, exit code 78"

write_job 20
cat >stand-in <<END
#!/bin/sh
mkdir -p "\$4/checkpoints"
touch "\$4/checkpoints/step-00000050.h5.tmp" "\$4/checkpoints/step-00000040.h5.abandoned"
exit 75
END
chmod 755 stand-in
SHARDNET=$scratch/stand-in train unwritten
wait_for_state unwritten FAILED
expect_exit 0 grep -q 'ended with 75 and no new checkpoint since its start' unwritten.log
expect_exit 1 grep -q '; requeueing' unwritten.log
checked "stopped in its first write: no checkpoint, not requeued"

# a start that dies in the launch: at every start, and at the first two of them
cat >stand-in <<END
#!/bin/sh
if [ "\$SLURM_JOB_NAME" = cured ] && [ "\$SLURM_RESTART_COUNT" = 2 ]; then
    exec "$program" "\$@"
fi
kill -SEGV \$\$
END
options=(-N 1)
export SHARDNET=$scratch/stand-in
train crashed
crashed=$id
SHARDNET_LAUNCHER=mpirun train cured
wait_for_state cured COMPLETED
id=$crashed
wait_for_state crashed FAILED
expect_exit 0 grep -q 'ExitCode=139:0' <(scontrol show job "$id")
for name in crashed cured; do
    [ "$(grep -c '^== job .*, start [012],' $name.log)" -eq 3 ] || fail_job $name "not three starts"
    [ "$(grep -c '^== ended with 139 before .*; requeueing$' $name.log)" -eq 2 ] ||
        fail_job $name "not requeued twice"
done
checked "killed in the launch: two more starts, by either launcher, and no more"
