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

# the older of two checkpoints: resumed from it once
set -- kept/checkpoints/step-*.h5
submit back "$source_root/jobs/train.sbatch" job.ini kept "--resume=$1"
wait_for_epochs back
signal_job
wait_for_log back '; requeueing'
cut_short back
wait_for_start back 1
wait_for_state back COMPLETED
[ "$(grep -Fc "resume   $1: " back.log)" -eq 1 ] || fail_job back "not resumed once from $1"
[ "$(grep -c '^resume ' back.log)" -eq 2 ] || fail_job back "not resumed twice"
same_as_undisturbed kept
checked "--resume=PATH: the requeued job continues from its own checkpoint"

write_job "$endless"
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

# Two singletons of Open MPI 4 that start at the same moment can fail to create one folder: each
# task has its own
expect_exit 0 srun -n2 --mpi=none bash -c 'export OMPI_MCA_orte_tmpdir_base=$SLURM_LAB_DIR/tmp/$SLURM_PROCID
    mkdir -p "$OMPI_MCA_orte_tmpdir_base" && "$0" eval kept >eval.$SLURM_PROCID && "$0" eval kept' "$program"
for task in 0 1; do
    expect_exit 0 grep -Eq '^test: accuracy ' eval.$task
done
checked "eval in a shell of each task of a step: it runs alone"

# a launcher that ends with 0, and no run
cat >stand-in <<END
#!/bin/sh
[ "\$1" != status ] || exec "$program" "\$@"
mkdir -p "\$4/checkpoints"
touch "\$4/checkpoints/step-00000050.h5.tmp" "\$4/checkpoints/step-00000040.h5.abandoned"
[ "\$SLURM_JOB_NAME" = unwritten ] || exit 0
exit 75
END
chmod 755 stand-in
export SHARDNET=$scratch/stand-in SHARDNET_MAX_RESTARTS=1
options=(-N 1)
train unwritten
unwritten=$id
train unfinished
wait_for_state unfinished FAILED
expect_exit 0 grep -q 'ExitCode=70:0' <(scontrol show job "$id")
expect_exit 0 grep -q 'the launcher ended with 0, but the run is not finished: .*not the folder of a run' unfinished.log
expect_exit 0 grep -q 'ended with 70: 2 starts in a row failed' unfinished.log
checked "a launcher that ends with 0 although there is no run: a failed start, exit code 70"
id=$unwritten
wait_for_state unwritten FAILED
expect_exit 0 grep -q 'ended with 75: 2 starts in a row failed, SHARDNET_MAX_RESTARTS is 1: not started again' \
    unwritten.log
[ "$(grep -c '^== job .*, start [01],' unwritten.log)" -eq 2 ] || fail_job unwritten "not two starts"
checked "stopped in its first write: no checkpoint, a failed start"
unset SHARDNET_MAX_RESTARTS

# starts that die in the launch, or after each new checkpoint; the third start of "cured" succeeds
cat >stand-in <<END
#!/bin/sh
if [ "\$SLURM_JOB_NAME" = cured ] && [ "\$SLURM_RESTART_COUNT" = 2 ]; then
    exec "$program" "\$@"
fi
if [ "\$SLURM_JOB_NAME" = crashed ]; then
    mkdir -p "\$4/checkpoints"
    touch "\$4/checkpoints/step-0000000\${SLURM_RESTART_COUNT:-0}.h5"
fi
kill -SEGV \$\$
END
train crashed
crashed=$id
SHARDNET_LAUNCHER=mpirun train cured
wait_for_state cured COMPLETED
[ "$(grep -c '^== job .*, start [012],' cured.log)" -eq 3 ] || fail_job cured "not three starts"
[ "$(grep -c '^== ended with 139: failed start, restart [12] of 3 in a row; requeueing$' cured.log)" -eq 2 ] ||
    fail_job cured "not requeued twice"
id=$crashed
wait_for_state crashed FAILED
expect_exit 0 grep -q 'ExitCode=139:0' <(scontrol show job "$id")
[ "$(grep -c '^== job .*, start [0-9]*,' crashed.log)" -eq 4 ] || fail_job crashed "not four starts"
expect_exit 0 grep -q 'ended with 139: 4 starts in a row failed' crashed.log
checked "killed at each start: three restarts, by either launcher, and no more"
