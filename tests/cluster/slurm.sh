#!/usr/bin/env bash
# jobs/train.sbatch under a real Slurm on two nodes: to the end; through the
# signal before a time limit; through the crash of a node.  Each ends with the very bytes of an
# undisturbed run.
set -euo pipefail
# shellcheck source=../cli/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../cli/lib.sh"
setup_test "$@"

for tool in slurmctld slurmd munged sbatch nsenter unshare ip; do
    PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null ||
        skip "$tool is missing (Debian: slurmctld slurmd slurm-client munge iproute2)"
done
[ "$(id -u)" -eq 0 ] || skip "not root: a Slurm of one's own needs namespaces"
unshare -n -u -m true 2>/dev/null || skip "no namespaces can be made here"

lab=$here/../cluster/slurm-lab.sh
SLURM_LAB_DIR=$(mktemp -u /tmp/slXXXXXX)
export SLURM_LAB_DIR
trap '"$lab" down || true; clean_up' EXIT
"$lab" up 2 2
eval "$("$lab" env)"
cd -- "$scratch"
export SHARDNET=$program

write_config job.ini data.source=synthetic data.train_limit=6000 model.hidden=512 \
    model.dropout_hidden=0.2 train.epochs=60 train.batch=600 comm.reduce=reproducible comm.leaves=4 \
    checkpoint.every_steps=10 metrics.every_steps=10
expect_mpi_exit 0 2 "$program" train job.ini --out whole

# submit RUN SBATCH-OPTION...: its number in $id
submit() {
    id=$(sbatch --parsable -N 2 --ntasks-per-node=2 -t 10 -J "$1" -o "$1.log" "${@:2}" \
        "$source_root/jobs/train.sbatch" job.ini "$1")
}

# state: of job $id
state() {
    scontrol -o show job "$id" 2>/dev/null | sed -n 's/.* JobState=\([A-Z_]*\).*/\1/p'
}

# wait_for_log RUN PATTERN
wait_for_log() {
    local end=$((SECONDS + 120))
    until grep -Eq -- "$2" "$1.log" 2>/dev/null; do
        if ((SECONDS >= end)); then
            cat -- "$1.log" || true
            wrong "job $id ($(state)): no '$2' in its log"
        fi
        sleep 0.2
    done
}

check_job() {
    local end=$((SECONDS + 120))
    until [ "$(state)" = COMPLETED ]; do
        if ((SECONDS >= end)) || [ "$(state)" = FAILED ]; then
            cat -- "$1.log" || true
            wrong "job $id is $(state)"
        fi
        sleep 0.2
    done
    same_parameters "$(newest_checkpoint whole)" "$(newest_checkpoint "$1")"
}

submit plain
check_job plain
expect_exit 0 grep -Eq '^ranks +4 on 2 nodes' plain.log
checked "2 nodes x 2 tasks by srun: finished, the bytes of the undisturbed run"

SHARDNET_LAUNCHER=mpirun submit mpirun
check_job mpirun
expect_exit 0 grep -Eq '^ranks +4 on 2 nodes' mpirun.log
checked "2 nodes x 2 tasks by mpirun: finished, the same bytes"

for launcher in srun mpirun; do
    SHARDNET_LAUNCHER=$launcher submit limit-$launcher
    wait_for_log limit-$launcher '^epoch 5/'
    # what --signal=B:USR1@120 does, without waiting for Slurm's half-minute clock
    scancel --batch --signal=USR1 "$id"
    wait_for_log limit-$launcher 'stopped with a checkpoint'
    wait_for_log limit-$launcher '^== job .*start 1'
    check_job limit-$launcher
    expect_exit 0 grep -q '^resume' limit-$launcher.log
    checked "$launcher: signalled as before a time limit, checkpoint, requeued, resumed, the same bytes"
done

submit crashed
wait_for_log crashed '^epoch 5/'
"$lab" crash node2
scontrol update nodename=node2 state=down reason=crash
wait_for_log crashed '^epoch 5/'
"$lab" boot node2
scontrol update nodename=node2 state=resume 2>/dev/null || true
wait_for_log crashed '^== job .*start 1'
check_job crashed
checked "a node crashed: requeued, resumed, the same bytes"

cat >alone.sbatch <<END
#!/bin/sh
srun --mpi=none "$program" train job.ini --out alone
END
id=$(sbatch --parsable -N 2 --ntasks-per-node=2 -o alone.log alone.sbatch)
end=$((SECONDS + 60))
until [ "$(state)" = FAILED ]; do
    ((SECONDS < end)) || wrong "srun without PMIx: job is $(state): $(cat alone.log)"
    sleep 0.2
done
[ "$(grep -c '^shardnet: error: .*srun --mpi=pmix' alone.log)" -eq 1 ] || wrong "not one line: $(cat alone.log)"
[ ! -e alone/checkpoints ] || wrong "separate jobs trained"
checked "srun without PMIx: one line that names the fix"
