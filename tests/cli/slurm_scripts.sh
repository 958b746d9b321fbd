#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The decisions of jobs/train.sbatch after every exit code, and the jobs of jobs/chain.sh, with
# stand-ins for Slurm's commands and the program.  tests/cluster/ has a real Slurm.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

# shellcheck disable=SC2016
{
    stand_in scontrol '[ "$1 $2" != "show job" ] || { echo "   Command=$COMMAND job.ini run"; exit; }' \
        '[ "$1" != show ] || { tr , "\n" <<<"$3"; exit; }' \
        'exit "${SCONTROL_CODE:-0}"'
    stand_in squeue '[ "${*: -1}" != "%T %r" ] || echo "${STATE-}"' '[ "${*: -1}" != %N ] || echo "${NODES-}"'
    # srun: a node of $DEAD starts no task
    stand_in srun '[ "$*" != --mpi=list ] || { echo pmix; exit; }' \
        'if [ "${*: -1}" = true ]; then [[ " ${DEAD-} " != *" ${*: -2:1} "* ]]; exit; fi' \
        'until [ "$1" = -n ]; do shift; done' 'exec "${@:3}"'
    stand_in mpirun 'env | sed -n "s/_MCA_oob_tcp_keepalive_/ /p" | sort >keepalive' \
        'until [ "$1" = -n ]; do shift; done' 'exec "${@:3}"'
    stand_in sleep '[ "$1" = 60 ] || exec /bin/sleep 0.1'
    stand_in sbatch 'echo "${SHARDNET_FIRST_START:-yes}/${SHARDNET_NEXT_JOB-}" >>"$(dirname "$0")/../first"' \
        'n=$(grep -c ^sbatch "$(dirname "$0")/../calls")' 'echo "$((100 + n));lab"'
    # the program: $RESULT is its exit code and, where one comes, the checkpoint that it writes;
    # $STATUS is the exit code of "status"; the file "plan" has a result and an error per start
    stand_in program '[ "$1" != status ] || exit "${STATUS:-0}"' \
        'if [ -s plan ]; then read -r code file message <plan; sed -i 1d plan' \
        'else read -r code file <<<"$RESULT"; fi' '[ "$file" != - ] || file=' \
        '[ -z "${message-}" ] || echo "$message" >&2' \
        'for beat in {1..8}; do [ "$code" = hang ] || break; echo $beat >"$4/.lock"; /bin/sleep 0.3; done' \
        '[ "$code" != hang ] || exec /bin/sleep 99' 'mkdir -p "$4/checkpoints"' \
        '[ -z "$file" ] || touch "$4/checkpoints/$file"' \
        'if ((code > 128)); then kill -$((code - 128)) $$; fi' 'exit "$code"'
}
PATH=$scratch/commands:$PATH
export SHARDNET=$scratch/commands/program SLURM_JOB_ID=7 SLURM_SUBMIT_DIR=$scratch SLURM_NTASKS=2 \
    SLURM_JOB_NODELIST=node1 SLURM_JOB_END_TIME=1
unset SHARDNET_HOME SHARDNET_SCRIPT SHARDNET_NEXT_JOB SHARDNET_LAUNCHER SHARDNET_REQUEUE SLURM_RESTART_COUNT SLURM_ARRAY_TASK_ID

# start_job RESULT CODE yes|no WHAT [VARIABLE=VALUE...]: runs train.sbatch, whose job has a
# program that ends with RESULT; the script must exit with CODE and requeue the job, or not
start_job() {
    local result=$1 expected=$2 requeues=$3 what=$4 found=no
    shift 4
    rm -f calls
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

# new_run [JOB COUNT]: a run with one checkpoint; COUNT starts of JOB have failed in a row
new_run() {
    rm -rf run
    mkdir -p run/checkpoints
    touch run/checkpoints/step-00000001.h5
    if [ $# -gt 0 ]; then
        echo "$*" >run/.restarts
    fi
}

# decide RESULT CODE yes|no WHAT [VARIABLE=VALUE...]: start_job with a new run
decide() {
    new_run
    start_job "$@"
}

new=step-00000002.h5
# the codes of the program; mpirun, MPICH, a signal
for code in 0 64 65 66 70 73 74 75 76 78 1 9 137 139; do
    requeued=no
    case $code in
    1 | 9 | 70 | 75 | 137 | 139) requeued=yes ;;
    esac
    decide "$code $new" "$code" "$requeued" "$code after a new checkpoint"
    decide "$code $new" "$code" "$requeued" "$code after a new checkpoint, tenth start" \
        SLURM_RESTART_COUNT=9
    decide "$code $new" "$code" no "$code, requeueing switched off" SHARDNET_REQUEUE=no
    decide "$code $new" "$code" no "$code of a job that Slurm ends" "STATE=COMPLETING Cancelled"
    decide "$code $new" "$code" "$requeued" "$code at the time limit" "STATE=COMPLETING TimeLimit"
    decide "$code" "$code" "$requeued" "$code without a new checkpoint"
    new_run 7 3
    start_job "$code" "$code" no "$code without a new checkpoint, fourth failed start"
    new_run 7 3
    start_job "$code $new.tmp" "$code" no "$code after an incomplete checkpoint, fourth failed start"
    new_run 7 3
    [ "$code" -eq 75 ] || requeued=no
    start_job "$code $new" "$code" "$requeued" "$code after a new checkpoint, three failed starts before"
done
checked "the decision after each exit code"

decide "0 $new" 70 yes "a launcher that ends with 0 before the run is finished" STATUS=75
expect_text err '^== the launcher ended with 0, but the run is not finished: '
decide "0 $new" 70 no "the same, requeueing switched off" STATUS=75 SHARDNET_REQUEUE=no
decide 0 70 yes "a launcher that ends with 0 before there is a run" STATUS=66
checked "exit code 0 counts only if the run is finished"

# starts RESULT...: starts the job with these results, until it is not requeued; prints the
# exit codes of the starts
starts() {
    local result count=0
    new_run
    for result; do
        rm -f calls
        code=0
        RESULT=$result SLURM_RESTART_COUNT=$count timeout "$limit" bash \
            "$source_root/jobs/train.sbatch" job.ini run >out 2>err </dev/null || code=$?
        printf '%s ' "$code"
        grep -q '^scontrol requeue 7$' calls || break
        count=$((count + 1))
    done
}
crash() { echo "137 step-0000001$1.h5"; }
found=$(starts "$(crash 1)" "$(crash 2)" "$(crash 3)" "$(crash 4)" "$(crash 5)" "$(crash 6)")
[ "$found" = "137 137 137 137 " ] || wrong "a job that crashes after each new checkpoint: $found"
expect_text err '^train\.sbatch: ended with 137: 4 starts in a row failed, SHARDNET_MAX_RESTARTS is 3: not started again$'
found=$(SHARDNET_MAX_RESTARTS=1 starts "$(crash 1)" "$(crash 2)" "$(crash 3)")
[ "$found" = "137 137 " ] || wrong "SHARDNET_MAX_RESTARTS=1: $found"
found=$(SHARDNET_MAX_RESTARTS=0 starts "$(crash 1)" "$(crash 2)")
[ "$found" = "137 " ] || wrong "SHARDNET_MAX_RESTARTS=0: $found"
[ ! -e run/.restarts ] || wrong "the count is left after the last start"
found=$(starts 137 75 137 "75 $new" 137 9 70 139 137)
[ "$found" = "137 75 137 75 137 9 70 139 " ] || wrong "failed starts before and after a 75: $found"
for record in "8 3" "7 many" ""; do
    new_run "$record"
    start_job 137 137 yes "a count of another job, or a damaged one: '$record'"
    [ "$(cat run/.restarts)" = "7 1" ] || wrong "the count is $(cat run/.restarts)"
done
new_run
echo precious >victim
ln -s ../victim run/.restarts
start_job 137 137 yes "the count at a link"
[ "$(cat victim)" = precious ] || wrong "train.sbatch writes through a link"
[ "$(cat run/.restarts)" = "7 1" ] || wrong "the count is $(cat run/.restarts)"
new_run
mkdir run/.restarts
start_job 137 137 no "failed starts that cannot be counted"
expect_text err '^train\.sbatch: ended with 137: cannot count failed starts in run/\.restarts'
expect_exit 64 env RESULT=0 SHARDNET_MAX_RESTARTS=many bash "$source_root/jobs/train.sbatch" job.ini run
new_run 7 3
# shellcheck disable=SC2016
run bash -c '. "$1" && stopping=yes run=run chain=7 max_restarts=3 arguments=()
    start_ranks mpirun && wait_for_ranks && count_start && echo "$code$result"' stopped "$source_root/jobs/batch.sh"
[ "$(cat out run/.restarts)" = "75 before training started
7 3" ] || wrong "a stop before the first start counts as a failed start"
checked "at most SHARDNET_MAX_RESTARTS restarts in a row"

# on_three_nodes CODE LAUNCHES [VARIABLE=VALUE...]: runs the job on three nodes with the results in
# "plan"; expects this code and these options and numbers of tasks, one start per word
on_three_nodes() {
    rm -f calls
    code=0
    timeout "$limit" env RESULT=0 SLURMD_NODENAME=node1 SLURM_JOB_NODELIST=node1,node2,node3 SLURM_NNODES=3 SLURM_NTASKS=7 SLURM_TASKS_PER_NODE='3,2(x2)' "${@:3}" bash \
        "$source_root/jobs/train.sbatch" job.ini run >out 2>err </dev/null || code=$?
    [ "$code" -eq "$1" ] || wrong "exit code $code instead of $1"
    found=$(sed -n 's/^srun --mpi=pmix .*--cpus-per-task=1 \(.*\) [^ ]*program train .*/\1/p' calls | tr -d ' ' | tr '\n' ' ')
    [ "$found" = "$2 " ] || wrong "starts '$found' instead of '$2'"
}
fault_on() { echo "139 - srun: error: $1: task 6: Segmentation fault"; }
new_run
echo 1 >plan
on_three_nodes 0 '-n7 -N2-wnode1,node3-n5' DEAD=node2
expect_text out '^== ended with 1; a node does not answer; starting again at once on 2 nodes$'
[ ! -e run/.restarts ] || wrong "the loss of a node counts as a failed start"
echo hang >plan
on_three_nodes 0 '-n7 -N2-wnode1,node3-n5' DEAD=node2
checked "a node died, and the launcher ended or waits for it: a new start at once on the others"

echo 1 >plan
on_three_nodes 1 '-n7' DEAD='node2 node3'
expect_text out '^== a node does not answer; 1 nodes are left, SHARDNET_MIN_NODES is 2$'
grep -q '^scontrol requeue 7$' calls || wrong "not requeued"
echo 1 >plan
on_three_nodes 0 '-n7 -N1-wnode1-n3' DEAD='node2 node3' SHARDNET_MIN_NODES=1
expect_exit 64 env RESULT=0 SHARDNET_MIN_NODES=few bash "$source_root/jobs/train.sbatch" job.ini run
checked "fewer nodes than SHARDNET_MIN_NODES are left: requeued"

new_run
# shellcheck disable=SC2016
stand_in tee '/bin/sleep 0.4' "exec $(command -v tee)"' "$@"' # copies the error lines late
{ fault_on node3 && fault_on node3; } >plan
on_three_nodes 0 '-n7 -N3-wnode1,node2,node3-n7 -N2-wnode1,node2-n5'
{ fault_on node3 && fault_on node1 && fault_on node3 && fault_on node1; } >plan
rm run/.restarts
all=-N3-wnode1,node2,node3-n7
on_three_nodes 139 "-n7 $all $all $all"
expect_text err '4 starts in a row failed'
echo 139 >plan
on_three_nodes 139 '-n7'
grep -q '^scontrol requeue 7$' calls || wrong "not requeued"
rm commands/tee
checked "a host that two starts in a row name is left out"

for list in node1,node3 node2,node3; do
    echo hang >plan
    rm -f run/.lock
    on_three_nodes 0 '-n7 -N2-wnode1,node3-n5' DEAD=node2 "NODES=$list"
    [ "$(grep -c '^scontrol requeue 7$' calls)" -eq "$([ $list = node1,node3 ]; echo $?)" ] || wrong "$list: requeued, or not"
done
checked "Slurm gave up the host of the script: a task on another node requeues the job"

# resumed WORD... [-- VARIABLE=VALUE...]: the script passes these words after --resume
resumed() {
    local expected=$1
    rm -f calls
    RESULT=0 expect_exit 0 env "${@:2}" bash "$source_root/jobs/train.sbatch" job.ini run \
        --set a.b=1 --resume=older.h5 --quiet
    grep -q "^program train job.ini --out run --resume --set a.b=1 $expected--quiet\$" calls ||
        wrong "another command: $(grep '^program train' calls)"
}
new_run
resumed '--resume=older.h5 ' SLURM_RESTART_COUNT=0
resumed '' SLURM_RESTART_COUNT=1
resumed '' SHARDNET_FIRST_START=no
rm run/checkpoints/*
resumed '--resume=older.h5 ' SLURM_RESTART_COUNT=1
checked "--resume=PATH applies to the first start, and until the run has a checkpoint"

rm -f calls
RESULT="75 $new" SCONTROL_CODE=1 expect_exit 75 bash "$source_root/jobs/train.sbatch" job.ini forbidden
grep -q '^sleep 60$' calls && wrong "waits for a requeue that Slurm refused"
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
for library in OMPI PRTE; do
    printf '%s\n' "$library intvl=5" "$library probes=3" "$library time=10"
done | diff keepalive - >out || wrong "mpirun gives up a node at another time"
rm -f calls
RESULT=0 expect_exit 0 bash "$source_root/jobs/train.sbatch" job.ini run
grep -q '^srun --mpi=pmix --kill-on-bad-exit=1 --cpus-per-task=1 -n 2 ' calls ||
    wrong "another launch: $(cat calls)"
expect_exit 64 bash "$source_root/jobs/train.sbatch" job.ini
RESULT=0 SHARDNET_LAUNCHER=other expect_exit 64 bash "$source_root/jobs/train.sbatch" job.ini run
checked "the command that is launched"

mkdir other
cp commands/program other/shardnet
for script in train scaling; do
    SHARDNET=$scratch/none/shardnet PATH=$scratch/other:/usr/bin:/bin expect_exit 66 \
        bash "$source_root/jobs/$script.sbatch" job.ini new
    expect_text err "^$script\.sbatch: no program $scratch/none/shardnet: build it, or set SHARDNET\$"
done
checked "a program that does not exist is named, and no other one is taken"

while read -r script; do
    expect_exit 0 env -u SLURM_JOB_ID bash "$script" --help
    expect_text out "^    .*jobs/${script##*/}"
done < <(find "$source_root/jobs" -type f -perm -u+x)
checked "every script prints its usage"

# sbatch_options SCRIPT: prints the #SBATCH lines but for those of an array and of names
sbatch_options() {
    grep -E '^##?SBATCH' "$source_root/jobs/$1" | grep -Ev -- '--(job-name|array|output)='
}
sbatch_options train.sbatch >train.options
[ "$(wc -l <train.options)" -ge 8 ] || wrong "only $(wc -l <train.options) options of train.sbatch"
sbatch_options sweep.sbatch | diff train.options - >out || wrong "sweep.sbatch has other options than train.sbatch"
checked "a job of sweep.sbatch survives what a job of train.sbatch survives: the same options"

# --- the other files of jobs/: Slurm runs a copy of the script

# from_spool FOLDER SUBMITTED [VARIABLE=VALUE...]: runs a copy of train.sbatch without SHARDNET, in
# a job whose script was SUBMITTED from FOLDER
from_spool() {
    rm -f calls
    RESULT=0 COMMAND=$2 run env -u SHARDNET SLURM_SUBMIT_DIR="$1" "${@:3}" bash spool/slurm_script job.ini run
}
mkdir -p spool "tree of mine/build/release" "tree of mine/jobs"
cp "$source_root/jobs/train.sbatch" spool/slurm_script
cp "$source_root"/jobs/*.sh "tree of mine/jobs"
cp commands/program "tree of mine/build/release/shardnet"
tree=$scratch/tree\ of\ mine
for where in "$scratch;$tree/jobs/train.sbatch" "$tree;(null)" "$tree;$scratch/spool/train.sbatch"; do
    from_spool "${where%;*}" "${where#*;}"
    [ "$code" -eq 0 ] || wrong "$where: exit code $code"
    grep -q '^program train job.ini --out run --resume$' calls || wrong "$where: $(cat calls)"
done
from_spool / '(null)' "SHARDNET_HOME=$tree"
[ "$code" -eq 0 ] || wrong "SHARDNET_HOME: exit code $code"
for home in '' "$scratch"; do
    from_spool "$scratch" '(null)' "SHARDNET_HOME=$home"
    [ "$code" -eq 66 ] || wrong "exit code $code without the other files"
    [ "$(cat err)" = "train.sbatch: no $scratch/jobs/slurm.sh: submit from the source tree, or set SHARDNET_HOME" ] ||
        wrong "not one clear line"
done
checked "a copy of train.sbatch finds the other files, or ends with one line"

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
[ "$(tr '\n' ' ' <first)" = "yes/yes no/yes no/no " ] || wrong "first starts and next jobs: $(cat first)"
cp "$source_root/jobs/train.sbatch" with-modules.sbatch
SHARDNET_SCRIPT=with-modules.sbatch expect_exit 0 "$source_root/jobs/chain.sh" 2 job.ini runs/chain
[ "$(grep -c ' with-modules.sbatch job.ini runs/chain$' calls)" -eq 2 ] || wrong "other scripts: $(cat calls)"
SHARDNET_SCRIPT=none.sbatch expect_exit 66 "$source_root/jobs/chain.sh" 2 job.ini runs/chain
decide "75 $new" 75 no "a job of a chain" SHARDNET_REQUEUE=no SHARDNET_NEXT_JOB=yes
expect_text out '^== ended with 75; the next job continues$'
expect_no_text err 'not started again'
checked "a chain of three jobs; a chain of copies of the script"

# --- signals

# signalled STATE COUNT: the script gets TERM twice while Slurm reports STATE; the program, which
# would run until the script can no longer send a signal, gets USR1 COUNT times
signalled() {
    local end=$((SECONDS + limit)) script
    mkdir commands
    # shellcheck disable=SC2016
    stand_in slow 'trap "echo USR1 >>signals; exit 75" USR1' 'touch started' \
        'while ((SECONDS < 13)); do /bin/sleep 0.1; done' 'exit 75'
    STATE=$1 SHARDNET=$scratch/commands/slow SHARDNET_REQUEUE=no bash \
        "$source_root/jobs/train.sbatch" job.ini run >out 2>err </dev/null &
    script=$!
    until [ -e started ]; do
        ((SECONDS < end)) || wrong "the program does not start within $limit s"
        /bin/sleep 0.05
    done
    kill -TERM "$script"
    /bin/sleep 0.5
    kill -TERM "$script"
    code=0
    wait "$script" || code=$?
    [ "$code" -eq 75 ] || wrong "the script ends with $code after TERM"
    touch signals
    [ "$(grep -c USR1 signals)" -eq "$2" ] || wrong "$1: signals of the ranks: $(cat signals)"
}
apart signalled 'COMPLETING None' 0
apart signalled 'RUNNING None' 1
together
checked "TERM to the script only is passed on, once; TERM of a job that Slurm ends is not"
