# SPDX-License-Identifier: BSD-3-Clause
# Functions of the tests on a real Slurm.  A test sources this file and calls setup_cluster: a
# Slurm of two nodes, or $lab_nodes, with two processors each runs until the test ends.
# shellcheck shell=bash

# shellcheck source=test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/test.sh"

patience=150 # seconds until a job that makes no progress is a failure
# more epochs than any job reaches before the test interrupts it
endless=900000

# setup_cluster "$@": the arguments of the script; the working folder is $scratch then
setup_cluster() {
    setup_test "$@"
    common_folders
    require_namespaces "slurmctld slurmd slurm-client munge iproute2 util-linux" \
        slurmctld slurmd munged sbatch nsenter

    lab=$source_root/tests/lib/slurm-lab.sh
    SLURM_LAB_DIR=$(mktemp -u /tmp/slXXXXXX)
    export SLURM_LAB_DIR
    trap '"$lab" down || true; clean_up' EXIT
    "$lab" up "${lab_nodes:-2}" 2
    eval "$("$lab" env)"
    unset SHARDNET_HOME SHARDNET_LAUNCHER SHARDNET_REQUEUE SHARDNET_MIN_NODES SHARDNET_HOST_FAILURES SWEEP
    cd -- "$scratch" || exit
    write_program
    export SHARDNET=$scratch/shardnet
}

# write_program: the program, but slow in a job that is endless: such a job waits for Slurm's
# clocks and must not compute meanwhile
write_program() {
    cat >shardnet <<END
#!/bin/sh
if grep -q '^epochs = $endless\$' job.ini; then
    export SHARDNET_FAULT=step.slow
fi
exec "$program" "\$@"
END
    chmod 755 shardnet
    ln -s "$(dirname -- "$program")/CMakeCache.txt" . # names mpirun
}

# write_job EPOCHS: job.ini, which every start of a job reads again; ten steps per epoch
write_job() {
    write_config job.tmp data.source=synthetic data.train_limit=1000 model.hidden=64 \
        model.dropout_hidden=0.2 "train.epochs=$1" train.batch=100 train.eval_every=1000000 \
        comm.reduce=reproducible comm.leaves=4 checkpoint.every_steps=5
    mv job.tmp job.ini
}

# cut_short RUN: the next start of its job ends some epochs after the last one in the log
cut_short() {
    write_job $(($(last_epoch "$1") + 20))
}

last_epoch() {
    sed -n 's/^epoch \([0-9]*\)\/.*/\1/p' "$1.log" | tail -n 1
}

# submit NAME SCRIPT-AND-ARGUMENTS... with $options for sbatch: log NAME.log, number in $id
options=()
submit() {
    id=$(sbatch --parsable -N 2 --ntasks-per-node=2 -t 10 -J "$1" -o "$1.log" \
        "${options[@]}" "${@:2}")
}

# train RUN: submits jobs/train.sbatch
train() {
    submit "$1" "$source_root/jobs/train.sbatch" job.ini "$1"
}

# state JOB: as Slurm names it
state() {
    scontrol -o show job "$1" 2>/dev/null | sed -n 's/.* JobState=\([A-Z_]*\).*/\1/p' |
        sort -u | tr '\n' ' ' | sed 's/ $//'
}

# fail_job NAME MESSAGE: fails with the log of the job, and Slurm's view of it
fail_job() {
    {
        squeue -o '%i %j %T %r %N'
        scontrol -o show job "$id"
        sinfo -N -o '%N %T %E'
        sinfo -R
        tail -n 30 -- "$SLURM_LAB_DIR"/log/{slurmctld,node*}.log
        tail -n 60 -- "$1".log
    } >out 2>&1 || true
    wrong "job $1, $(state "$id"): $2"
}

# wait_for_job NAME MESSAGE COMMAND...: waits until COMMAND succeeds; fails with MESSAGE if that
# takes longer than $patience seconds
wait_for_job() {
    local end=$((SECONDS + patience))
    until "${@:3}"; do
        ((SECONDS < end)) || fail_job "$1" "$2 within $patience s"
        sleep 0.1
    done
}

# wait_for_log NAME PATTERN [TIMES]
wait_for_log() {
    wait_for_job "$1" "no '$2' in its log" has_lines "$@"
}

has_lines() {
    [ "$(grep -Ec -- "$2" "$1.log" 2>/dev/null)" -ge "${3:-1}" ] 2>/dev/null
}

# wait_for_epochs NAME: until its job has trained for two more epochs
wait_for_epochs() {
    local seen
    seen=$(grep -c '^epoch ' "$1.log" 2>/dev/null) || true
    wait_for_log "$1" '^epoch ' $((${seen:-0} + 2))
}

# wait_for_start NAME COUNT: the job's start number COUNT, from 0
wait_for_start() {
    wait_for_log "$1" "^== job .*, start $2,"
}

# wait_for_state NAME STATE [TASK]: waits until job $id, or a task of it, has this state
wait_for_state() {
    local end=$((SECONDS + patience)) job=$id${3:+_$3}
    until [ "$(state "$job")" = "$2" ]; do
        if ((SECONDS >= end)) || { [ "$2" = COMPLETED ] && [ "$(state "$job")" = FAILED ]; }; then
            fail_job "$1" "not $2"
        fi
        sleep 0.1
    done
}

# signal_job [TASK]: sends the signal of --signal=B:USR1 at once; Slurm compares the time limit
# with its clock only every half minute.
signal_job() {
    scancel --batch --signal=USR1 "$id${1:+_$1}"
}

# same_as_undisturbed RUN: it has the bytes of a run of as many epochs without interruption
same_as_undisturbed() {
    local limit=$((4 * limit)) # it computes beside Slurm
    rm -rf undisturbed
    expect_mpi_exit 0 4 "$program" train "$1/config.ini" --out undisturbed
    same_parameters "$(newest_checkpoint undisturbed)" "$(newest_checkpoint "$1")"
}
