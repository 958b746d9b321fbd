# SPDX-License-Identifier: BSD-3-Clause
# Rules that train.sbatch, train.pbs, train.lsf and sweep.sh share: how the ranks start and
# stop, what an exit code means, how failed starts are counted.
# shellcheck shell=bash

# shellcheck source=common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

# number NAME DEFAULT: prints the value of the variable, which must be a number
number() {
    local value=${!1:-$2}
    [[ $value =~ ^[0-9]{1,6}$ ]] || fail 64 "$1 is '$value', not a number"
    echo $((10#$value))
}

# batch_setup CHAIN CONFIG RUN [TRAIN ARGUMENT...]: checks the variables, and finds the program.
# CHAIN names the job, or the jobs that continue each other, whose failed starts count together
batch_setup() {
    chain=$1 config=$2 run=$3 arguments=("${@:4}")
    if [ -z "$config" ] || [ -z "$run" ]; then
        fail 64 "CONFIG and RUN are not both set: see the top of the script"
    fi
    max_restarts=$(number SHARDNET_MAX_RESTARTS 3)
    program=$(find_program)
    tune_open_mpi
}

# checkpoints: prints the names of complete checkpoints, without unfinished or renamed ones
checkpoints() {
    (cd -- "$run/checkpoints" 2>/dev/null && compgen -G 'step-*.h5') || true
}

# request_stop: passes USR1 to the launcher, which passes it to the ranks: they write a
# checkpoint and end with 75.  The signal would kill ranks that have not installed their
# handler yet, so the function waits until start_seconds after the launch.
job='' child='' launched=0 interrupted=no stopping=no ended=no start_seconds=${start_seconds:-10}
request_stop() {
    interrupted=yes stopping=yes
    trap '' USR1 USR2
    if [ -n "$child" ]; then
        while ((SECONDS < launched + start_seconds)) && kill -0 "$child" 2>/dev/null; do
            sleep 1
        done
        kill -USR1 "$child" 2>/dev/null || true
    fi
}

# start_ranks LAUNCHER...: trains in the background; sets child, but not if a stop is requested.
# --resume=PATH applies while the run contains no checkpoint, and if first_start is yes
first_start=no
start_ranks() {
    local argument given=()
    before=$(checkpoints) child='' launched=$SECONDS
    for argument in "${arguments[@]}"; do
        if [[ $argument != --resume=* ]] || [ -z "$before" ] || [ "$first_start" = yes ]; then
            given+=("$argument")
        fi
    done
    if [ "$stopping" = no ]; then
        "$@" "$program" train "$config" --out "$run" --resume "${given[@]}" &
        child=$!
        [ "$stopping" = no ] || request_stop # the signal came before child was set
    fi
}

# wait_for_ranks: sets code to the exit code of training
wait_for_ranks() {
    local state
    code=75 interrupted=yes
    while [ -n "$child" ] && [ "$interrupted" = yes ]; do # a signal interrupts wait
        # bash keeps the status of a child that has ended in the meantime
        interrupted=no code=0
        wait "$child" || code=$?
    done
    # mpirun of Open MPI 5 ends with 0 if a node fails
    if [ "$code" -eq 0 ] && ! state=$("$program" status "$run" 2>&1); then
        code=70
        say "the launcher ended with 0, but the run is not finished: $state" >&2
    fi
}

# end_if_final: ends the script if training is done, or if a new start would repeat the error.
# Every other code is a request to stop (75) or a crash, for example because a node failed
end_if_final() {
    case $code in
    0 | 6[4-6] | 73 | 74 | 76 | 78) exit "$code" ;;
    esac
}

# give_up WHY: ends the script with $code.  LSF would run the job again after the requeue code;
# the script ends with 70 instead of it
give_up() {
    local why="ended with $code$1: not started again"
    [ "$code" != "${requeue_code-}" ] || code=70
    fail "$code" "$why"
}

# end_if_unwanted: ends the script if the user wants no new start, or if chain.sh has submitted
# the job that continues this one
end_if_unwanted() {
    [ "${SHARDNET_REQUEUE:-yes}" != yes ] || return 0
    [ "${SHARDNET_NEXT_JOB:-no}" = yes ] || give_up ", SHARDNET_REQUEUE is $SHARDNET_REQUEUE"
    say "ended with $code; the next job continues"
    exit "$code"
}

# end_if_ended: ends the script if TERM or INT has arrived
end_if_ended() {
    [ "$ended" = no ] || give_up " on a signal to end"
}

# count_start: counts the last start in RUN/.restarts if it failed, and sets result.  After too
# many failed starts in a row it gives up, because a job that fails at every start would be
# started forever.  The count stays if a stop was requested before the ranks started
count_start() {
    local file=$run/.restarts owner='' failed=''
    if [ -z "$child" ]; then
        result=" before training started"
        return
    fi
    { read -r owner failed <"$file"; } 2>/dev/null || true
    rm -f -- "$file" 2>/dev/null || true
    if [ "$code" -eq 75 ] && [ "$(checkpoints)" != "$before" ]; then
        result=" after a new checkpoint"
        return
    fi
    if [ "$owner" != "$chain" ] || ! [[ $failed =~ ^[0-9]{1,6}$ ]]; then
        failed=0 # another job has written the file
    fi
    failed=$((10#$failed + 1))
    ((failed <= max_restarts)) ||
        give_up ": $failed starts in a row failed, SHARDNET_MAX_RESTARTS is $max_restarts"
    # noclobber: creates a new file instead of writing to the target of a link
    { mkdir -p -- "$run" && (set -o noclobber && echo "$chain $failed" >"$file"); } 2>/dev/null ||
        give_up ": cannot count failed starts in $file"
    result=": failed start, restart $failed of $max_restarts in a row"
}

# report_end NEXT: prints how the start ended, and what follows
report_end() {
    say "ended with $code$result; $1"
}

# start_daemons_by COMMAND: Open MPI that was built without the batch system starts its daemons
# with this command of the system, if there is one, instead of ssh
start_daemons_by() {
    if command -v "$1" >/dev/null; then
        export OMPI_MCA_plm_rsh_agent="${OMPI_MCA_plm_rsh_agent-$1}"
        export PRTE_MCA_plm_ssh_agent="${PRTE_MCA_plm_ssh_agent-$1}"
    fi
}

# batch_run HOSTFILE [MPIRUN OPTION...]: trains on one rank per line of HOSTFILE; ends the script
# if the job must not run again.  USR1 and USR2 request a checkpoint and a new start, TERM and
# INT end the job
batch_run() {
    local ranks
    ranks=$(wc -l <"$1")
    say "job $job, $ranks ranks on $(sort -u -- "$1" | tr '\n' ' ')$(date -u +%FT%TZ)"
    trap request_stop USR1 USR2
    trap 'ended=yes interrupted=yes' INT TERM
    start_ranks mpirun --hostfile "$1" -n "$ranks" "${@:2}"
    wait_for_ranks
    end_if_final
    end_if_ended
    end_if_unwanted
    count_start
}
