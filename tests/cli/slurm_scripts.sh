#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The decisions of jobs/train.sbatch after every exit code, and the jobs of jobs/chain.sh, with
# stand-ins for Slurm's commands and the program.  tests/cluster/ has a real Slurm.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

mkdir commands
# stand_in NAME LINE...: a command that notes its arguments in the file "calls"
stand_in() {
    printf '%s\n' '#!/usr/bin/env bash' "echo \"$1 \$*\" >>'$scratch/calls'" "${@:2}" >"commands/$1"
    chmod 755 "commands/$1"
}
# shellcheck disable=SC2016
{
    stand_in scontrol 'exit "${SCONTROL_CODE:-0}"'
    stand_in squeue '[ "${*: -1}" != "%T %r" ] || echo "${STATE-}"'
    stand_in srun '[ "$*" != --mpi=list ] || { echo pmix; exit; }' \
        'until [ "$1" = -n ]; do shift; done' 'exec "${@:3}"'
    stand_in mpirun 'until [ "$1" = -n ]; do shift; done' 'exec "${@:3}"'
    stand_in sleep
    stand_in sbatch 'n=$(grep -c ^sbatch "$(dirname "$0")/../calls")' 'echo "$((100 + n));lab"'
    # the program: $RESULT is its exit code and, where one comes, the checkpoint that it writes
    stand_in program 'read -r code file <<<"$RESULT"' 'mkdir -p "$4/checkpoints"' \
        '[ -z "$file" ] || touch "$4/checkpoints/$file"' \
        'if ((code > 128)); then kill -$((code - 128)) $$; fi' 'exit "$code"'
}
PATH=$scratch/commands:$PATH
export SHARDNET=$scratch/commands/program SLURM_JOB_ID=7 SLURM_SUBMIT_DIR=$scratch SLURM_NTASKS=2 \
    SLURM_JOB_NODELIST=node1 SLURM_JOB_END_TIME=1
unset SHARDNET_HOME SHARDNET_LAUNCHER SHARDNET_REQUEUE SLURM_RESTART_COUNT SLURM_ARRAY_TASK_ID

# decide RESULT CODE yes|no WHAT [VARIABLE=VALUE...]: runs train.sbatch, whose job has a program
# that ends with RESULT; the script must exit with CODE and requeue the job, or not
decide() {
    local result=$1 expected=$2 requeues=$3 what=$4 found=no
    shift 4
    rm -rf run calls
    mkdir -p run/checkpoints
    touch run/checkpoints/step-00000001.h5
    code=0 # 137 is one of those expected, not a time-out as in expect_exit
    timeout "$limit" env RESULT="$result" "$@" bash "$source_root/jobs/train.sbatch" job.ini run \
        >out 2>err </dev/null || code=$?
    [ "$code" -eq "$expected" ] || wrong "$what: exit code $code instead of $expected"
    [ "$(grep -c '^scontrol' calls)" -eq "$(grep -c '^scontrol requeue 7$' calls)" ] ||
        wrong "scontrol was called for something else: $(cat calls)"
    if grep -q '^scontrol requeue 7$' calls; then
        found=yes
        grep -q '^sleep 60$' calls || wrong "$what: the script ended before Slurm could requeue the job"
    fi
    [ "$found" = "$requeues" ] || wrong "$what: requeued: $found instead of $requeues"
}

new=step-00000002.h5
for code in 0 64 65 66 70 73 74 75 76 78 137 139; do
    broken_off=no killed=no
    case $code in
    70 | 75) broken_off=yes ;;
    137 | 139) broken_off=yes killed=yes ;;
    esac
    decide "$code $new" "$code" "$broken_off" "$code after a new checkpoint"
    decide "$code $new" "$code" "$broken_off" "$code after a new checkpoint, tenth start" \
        SLURM_RESTART_COUNT=9
    decide "$code $new" "$code" no "$code, requeueing switched off" SHARDNET_REQUEUE=no
    decide "$code $new" "$code" no "$code of a job that Slurm ends" "STATE=COMPLETING Cancelled"
    decide "$code $new" "$code" "$broken_off" "$code at the time limit" "STATE=COMPLETING TimeLimit"
    decide "$code" "$code" "$killed" "$code without a new checkpoint"
    decide "$code" "$code" "$killed" "$code without a new checkpoint, second start" SLURM_RESTART_COUNT=1
    decide "$code" "$code" no "$code without a new checkpoint, third start" SLURM_RESTART_COUNT=2
    decide "$code $new.tmp" "$code" "$killed" "$code after an incomplete checkpoint"
done
checked "the decision after each exit code"

rm -f calls
RESULT="75 $new" SCONTROL_CODE=1 expect_exit 75 bash "$source_root/jobs/train.sbatch" job.ini forbidden
grep -q '^sleep' calls && wrong "waits for a requeue that Slurm refused"
expect_text err '^train.sbatch: .*jobs/chain\.sh'
checked "a site that forbids requeueing: exit code 75 and advice"

for launcher in srun mpirun; do
    rm -f calls
    RESULT=0 SHARDNET_LAUNCHER=$launcher SLURM_CPUS_PER_TASK=3 \
        expect_exit 0 bash "$source_root/jobs/train.sbatch" job.ini run --set train.seed=7
    grep -q '^program train job.ini --out run --resume --set train.seed=7$' calls ||
        wrong "another command: $(cat calls)"
done
grep -q '^mpirun --bind-to none -n 2 ' calls || wrong "threads share a core: $(cat calls)"
rm -f calls
RESULT=0 expect_exit 0 bash "$source_root/jobs/train.sbatch" job.ini run
grep -q '^srun --mpi=pmix --kill-on-bad-exit=1 --cpus-per-task=1 -n 2 ' calls ||
    wrong "another launch: $(cat calls)"
expect_exit 64 bash "$source_root/jobs/train.sbatch" job.ini
RESULT=0 SHARDNET_LAUNCHER=other expect_exit 64 bash "$source_root/jobs/train.sbatch" job.ini run
checked "the command that is launched"

rm -f calls
touch job.ini
expect_exit 0 "$source_root/jobs/chain.sh" 3 job.ini runs/chain -t 5 -- --set train.seed=7
[ "$(tr '\n' ' ' <out)" = "101 102 103 " ] || wrong "other numbers of jobs: $(cat out)"
for i in 1 2 3; do
    dependency=
    [ $i -eq 1 ] || dependency="--dependency=afterany:$((99 + i)) "
    echo "sbatch --parsable --job-name=chain-$i -t 5 --no-requeue $dependency$source_root/jobs/train.sbatch job.ini runs/chain --set train.seed=7"
done >expected
diff calls expected >out 2>&1 || wrong "other jobs"
checked "a chain of three jobs"
