#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Runs jobs/train.pbs and jobs/train.lsf with stand-ins for the commands of PBS and LSF: launch,
# decision after each exit code, next job, signals.  No test uses a real PBS or LSF.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

# qstat -f continues a long line after a newline and a tab
printf '%s\n\t%s\n' 'Job Id: 7.server
    Job_Name = lab
    queue = long
    Account_Name = physics
    Resource_List.ncpus = 4
    Resource_List.place = scatter
    Resource_List.select = 2:ncpus=2:mpi' 'procs=2
    Resource_List.walltime = 01:02:03
    Submit_arguments = jobs/train.pbs' >attributes
# shellcheck disable=SC2016
{
    # with $QSTAT_TERM or $QSUB_TERM the script gets TERM after the program has ended
    stand_in qstat '[ -z "${QSTAT_CODE-}" ] || exit "$QSTAT_CODE"' \
        '[ -z "${QSTAT_TERM-}" ] || [ ! -e script ] || kill -TERM "$(cat script)"' "cat '$scratch/attributes'"
    stand_in qsub '[ -z "${QSUB_CODE-}" ] || exit "$QSUB_CODE"' \
        'echo "variables ${CONFIG-},${RUN-},${ARGUMENTS-},${SHARDNET-}" >>'"'$scratch/calls'" 'echo 8.server' \
        '[ -z "${QSUB_TERM-}" ] || kill -TERM "$(cat script)"'
    stand_in qdel 'exit "${QDEL_CODE:-0}"'
    stand_in blaunch 'exit 1'
    stand_in mpirun 'env | grep -E "^SHARDNET_END_TIME|_agent=|keepalive" | sort >environment' \
        'until [ "$1" = -n ]; do shift; done; shift 2; [ "$1" != --bind-to ] || shift 2' 'exec "$@"'
    # the program: $RESULT is its exit code and, where one comes, the checkpoint that it writes;
    # after "wait" it waits for USR1 or TERM
    stand_in program '[ "$1" != status ] || exit "${STATUS:-0}"' 'echo "$PPID" >script' \
        'read -r code file <<<"$RESULT"' 'mkdir -p "$4/checkpoints"' \
        '[ -z "$file" ] || touch "$4/checkpoints/$file"' \
        'if [ "$code" = wait ]; then trap "exit 75" USR1; touch waiting; for _ in {1..200}; do sleep 0.05; done; fi' \
        'if ((code > 128)); then kill -$((code - 128)) $$; fi' 'exit "$code"'
}
export PATH=$scratch/commands:$PATH CONFIG=job.ini RUN=run SHARDNET=$scratch/commands/program \
    SHARDNET_HOME=$source_root PBS_JOBID=7.server PBS_O_WORKDIR=$scratch PBS_NODEFILE=$scratch/nodes \
    LSB_JOBID=7 LS_SUBCWD=$scratch LSB_DJOB_HOSTFILE=$scratch/nodes NCPUS=2
unset SHARDNET_REQUEUE SHARDNET_SCRIPT SHARDNET_MAX_RESTARTS ARGUMENTS LSB_JOBINDEX OMPI_MCA_plm_rsh_agent
printf 'node1\nnode1\nnode2\nnode2\n' >nodes

# start_job SYSTEM RESULT CODE yes|no WHAT [VARIABLE=VALUE...]: runs train.SYSTEM, whose program
# ends with RESULT; the script exits with CODE; whether the job runs again is checked
start_job() {
    local system=$1 result=$2 expected=$3 again=$4 what="$1: $5" found=no
    shift 5
    rm -f shardnet-7.log script
    : >calls
    code=0
    timeout "$limit" env RESULT="$result" "$@" bash "$source_root/jobs/train.$system" \
        >out 2>err </dev/null || code=$?
    [ ! -e shardnet-7.log ] || mv shardnet-7.log err
    [ "$code" -eq "$expected" ] || wrong "$what: exit code $code instead of $expected: $(cat err)"
    case $system in
    pbs) ! grep -q '^qsub' calls || found=yes ;;
    lsf) [ "$code" -ne 75 ] || found=yes ;;
    esac
    [ "$found" = "$again" ] || wrong "$what: runs again: $found instead of $again"
}

# new_run [JOB COUNT]: a run with one checkpoint; COUNT starts before JOB have failed in a row
new_run() {
    rm -rf run
    mkdir -p run/checkpoints
    touch run/checkpoints/step-00000001.h5
    [ $# -eq 0 ] || echo "$*" >run/.restarts
}

new=step-00000002.h5
for system in pbs lsf; do
    id=7
    [ $system = lsf ] || id=7.server
    for end in 0 64 65 66 70 73 74 75 76 78 1 9 137 139; do
        again=no expected=$end gives_up=$end
        case $end in
        1 | 9 | 70 | 75 | 137 | 139) again=yes ;;
        esac
        if [ $system = lsf ]; then # LSF repeats only 75
            [ $again = no ] || expected=75
            [ "$end" -ne 75 ] || gives_up=70
        fi
        new_run
        start_job $system "$end $new" "$expected" $again "$end after a new checkpoint"
        start_job $system "$end $new" "$gives_up" no "$end, switched off" SHARDNET_REQUEUE=no
        new_run
        start_job $system "$end" "$expected" $again "$end without a checkpoint"
        if [ $again = yes ]; then
            [ "$(cat run/.restarts)" = "$id 1" ] || wrong "$system: the count is $(cat run/.restarts)"
        fi
        new_run $id 3
        start_job $system "$end" "$gives_up" no "$end, fourth failed start"
        [ $again = no ] || expect_text err "^train\.$system: ended with $end: 4 starts in a row failed, SHARDNET_MAX_RESTARTS is 3: not started again$"
        new_run other 3
        start_job $system "$end" "$expected" $again "$end, three failed starts of another job"
    done
    new_run $id 3
    start_job $system "75 $new" 75 yes "75 after a new checkpoint, three failed starts before"
    [ ! -e run/.restarts ] || wrong "$system: the count is left"
    new_run
    mkdir run/.restarts
    start_job $system 139 139 no "failed starts that cannot be counted"
    new_run
    expected=70
    [ $system = pbs ] || expected=75
    start_job $system "0 $new" $expected yes "0 before the run is finished" STATUS=75
    checked "train.$system: the decision after each exit code"
done

# --- what is launched
for system in pbs lsf; do
    new_run
    start_job $system 0 0 no "the launch" "ARGUMENTS=--set train.seed=7 --resume=older.h5 --quiet"
    grep -qx "mpirun --hostfile $scratch/nodes -n 4 $SHARDNET train job.ini --out run --resume --set train.seed=7 --quiet" calls ||
        wrong "$system: another launch: $(cat calls)"
    [ "$(grep -c keepalive environment)" -eq 6 ] || wrong "$system: mpirun gives up a node at another time"
    rm -rf run
    start_job $system 0 0 no "the first start" ARGUMENTS=--resume=older.h5
    grep -q -- '--out run --resume --resume=older.h5$' calls || wrong "$system: --resume=PATH is lost"
    start_job $system 0 64 no "no configuration" CONFIG=
    start_job $system 0 66 no "another folder" SHARDNET_HOME=/nowhere
    expect_text err "^train\.$system: no /nowhere/jobs/batch\.sh"
done
grep -q '^OMPI_MCA_plm_rsh_agent=blaunch' environment || wrong "lsf: Open MPI would use ssh"
new_run
now=$(date +%s)
start_job pbs 0 0 no "the time limit" NCPUS=4
end=$(sed -n 's/^SHARDNET_END_TIME=//p' environment)
((end >= now + 3723 && end <= now + 3783)) || wrong "pbs: the job ends $((end - now)) s after its start"
grep -q '^mpirun .* --bind-to none ' calls || wrong "pbs: threads share a core: $(cat calls)"
checked "the command that is launched, and the time limit"

# --- the next job of PBS
cp "$source_root/jobs/train.pbs" with-modules.pbs
new_run
start_job pbs "75 $new" 75 yes "the next job" "ARGUMENTS=--set model.hidden=8,8" SHARDNET_QSUB="-m n"
grep -qx 'qsub -W depend=afterany:7.server -v CONFIG,RUN,ARGUMENTS,SHARDNET,SHARDNET_HOME,SHARDNET_QSUB,SHARDNET_CHAIN -N lab -q long -A physics -l select=2:ncpus=2:mpiprocs=2 -l place=scatter -l walltime=01:02:03 -m n '"$source_root/jobs/train.pbs" calls ||
    wrong "another next job: $(cat calls)"
grep -qx "variables job.ini,run,--set model.hidden=8,8,$SHARDNET" calls || wrong "other variables: $(cat calls)"
start_job pbs "75 step-00000003.h5" 75 yes "a site that forbids qsub" QSUB_CODE=1
expect_text err '^train\.pbs: cannot submit the next job: submit again with the same RUN$'
start_job pbs "75 step-00000004.h5" 75 yes "a copy of the script" SHARDNET_SCRIPT=with-modules.pbs
grep -q '^qsub .*,SHARDNET_HOME,SHARDNET_SCRIPT,.* with-modules\.pbs$' calls || wrong "another script: $(cat calls)"
start_job pbs "75 $new" 66 no "a copy that does not exist" SHARDNET_SCRIPT=none.pbs
expect_text err '^train\.pbs: cannot read SHARDNET_SCRIPT none\.pbs$'
start_job pbs "75 step-00000006.h5" 75 no "qstat fails" QSTAT_CODE=1
expect_text err '^== no time limit from qstat -f: set train\.max_minutes$'
expect_text err '^train\.pbs: cannot submit the next job: qstat -f reports no resources of job 7\.server; submit'
start_job pbs "75 step-00000007.h5" 75 no "qdel after the end of training" QSTAT_TERM=1
expect_text err '^train\.pbs: ended with 75 on a signal to end: not started again$'
start_job pbs "75 step-00000008.h5" 75 yes "qdel while the next job is submitted" QSUB_TERM=1
expect_text err '^train\.pbs: ended with 75 on a signal to end: not started again$'
grep -qx 'qdel 8.server' calls || wrong "pbs: the next job stays: $(cat calls)"
start_job pbs "75 step-00000009.h5" 75 yes "qdel while the next job is submitted, which fails" QSUB_TERM=1 QDEL_CODE=1
expect_text err '^train\.pbs: ended with 75 on a signal to end, but the next job stays: qdel 8.server$'
new_run 7.server 3
start_job pbs 139 139 no "fourth failed start in the chain" PBS_JOBID=9.server SHARDNET_CHAIN=7.server
checked "train.pbs submits the next job"

# --- signals

# send SYSTEM SIGNAL CODE: the script gets SIGNAL while the program runs
send() {
    new_run
    rm -f waiting shardnet-7.log
    : >calls
    RESULT="wait $new" start_seconds=0 bash "$source_root/jobs/train.$1" >out 2>err </dev/null &
    local script=$!
    wait_until "$1: the program does not start" test -e waiting
    kill -"$2" "$script"
    if [ "$2" = TERM ]; then # the batch system ends mpirun too; here this is the program
        sleep 0.2
        kill -USR1 "$(children_of "$script" | head -n 1)"
    fi
    code=0
    wait "$script" || code=$?
    [ "$code" -eq "$3" ] || wrong "$1: exit code $code after $2"
}
for signal in USR1 USR2; do
    send pbs $signal 75
    grep -q '^qsub' calls || wrong "pbs: no next job after $signal"
    send lsf $signal 75
done
send pbs TERM 75
! grep -q '^qsub' calls || wrong "pbs: a next job after qdel"
send lsf TERM 70
checked "USR1 and USR2 request a checkpoint and a new start, TERM ends the job"

# --- a real mpirun and program: training stops before the time limit, the next job continues it
rm -r run commands/mpirun
hostname >nodes
write_config job.ini data.source=synthetic data.train_limit=1000 model.hidden=8 \
    train.epochs=1000000 train.batch=50 train.report_every=100000
sed -i 's/01:02:03/00:00:10/' attributes
code=0
SHARDNET=$program timeout "$limit" bash "$source_root/jobs/train.pbs" >out 2>err </dev/null || code=$?
[ "$code" -eq 75 ] || wrong "exit code $code at the time limit"
expect_text out '^limit '
expect_text out "^== ended with 75 after a new checkpoint; submitted 8\\.server$"
rm -f shardnet-7.log
SHARDNET=$program ARGUMENTS='--set train.epochs=1' expect_exit 0 bash "$source_root/jobs/train.lsf"
expect_text shardnet-7.log '^resume '
checked "a real program: the end of the job by its walltime, continued by the next job"
