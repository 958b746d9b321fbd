# SPDX-License-Identifier: BSD-3-Clause
# Functions for jobs of Slurm: the launcher, and the nodes of an allocation.
# shellcheck shell=bash

# shellcheck source=batch.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/batch.sh"

# choose_launcher: sets launcher, and launch to the command that starts ranks
choose_launcher() {
    launcher=${SHARDNET_LAUNCHER-}
    if [ -z "$launcher" ]; then
        launcher=mpirun
        if [[ $(srun --mpi=list 2>&1) == *pmix* ]]; then
            launcher=srun
        fi
    fi
    case $launcher in
    srun)
        # Slurm's tree fence sometimes fails on a busy node, and Open MPI then crashes in
        # MPI_Init: https://github.com/open-mpi/ompi/issues/12495
        export SLURM_PMIX_FENCE="${SLURM_PMIX_FENCE:-ring}"
        # --kill-on-bad-exit ends the job when one rank fails
        launch=(srun --mpi=pmix --kill-on-bad-exit=1 "--cpus-per-task=${SLURM_CPUS_PER_TASK:-1}")
        ;;
    mpirun)
        launch=(mpirun)
        if ((${SLURM_CPUS_PER_TASK:-1} > 1)); then
            launch+=(--bind-to none) # otherwise all threads of a rank share one core
        fi
        ;;
    *) fail 64 "SHARDNET_LAUNCHER is '$launcher', not srun or mpirun" ;;
    esac
}

# open_errors: sets errors to a file for the error lines of a start, which is removed at once and
# kept open.  An EXIT trap would replace that of sweep.sbatch, which sources train.sbatch
open_errors() {
    if errors=$(mktemp) && exec {error_file}<>"$errors"; then
        rm -f -- "$errors"
        errors=/dev/fd/$error_file
    else
        errors=/dev/null
    fi
}

# slurm_state: prints the state of the job and its reason
slurm_state() {
    squeue -h -j "$job" -o '%T %r' 2>/dev/null || true
}

# list_nodes: sets nodes, those that training uses, and tasks[NODE]; both stay empty on one node
nodes=() place=() beside=() suspect='' suspected=0
declare -A tasks
list_nodes() {
    local counts=() part times i
    min_nodes=$(number SHARDNET_MIN_NODES $(((${SLURM_NNODES:-1} + 1) / 2)))
    host_failures=$(number SHARDNET_HOST_FAILURES 2)
    [ "${SLURM_NNODES:-1}" -gt 1 ] || return 0
    mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
    # SLURM_TASKS_PER_NODE is, for example, 32(x3),16
    for part in $(tr , " " <<<"${SLURM_TASKS_PER_NODE-}"); do
        times=1
        [[ $part != *\(x*\) ]] || times=${part//*x/} times=${times%)}
        for ((i = 0; i < times; i++)); do counts+=("${part%%(*}"); done
    done
    for i in "${!nodes[@]}"; do tasks[${nodes[i]}]=${counts[i]:-1}; done
}

# start_on_nodes: calls start_ranks on the nodes; the process copier copies the error lines to the
# file errors
start_on_nodes() {
    say "job $job, start ${SLURM_RESTART_COUNT:-0}, $SLURM_NTASKS tasks on" \
        "$SLURM_JOB_NODELIST, $launcher, $(date -u +%FT%TZ)"
    {
        copier=$!
        start_ranks "${launch[@]}" "${place[@]}" -n "$SLURM_NTASKS"
    } 2> >(exec tee -- "$errors" >&2)
}

# wait_for_copier: waits until the error lines of a start that has ended are copied, but at most a
# second: a process that outlives the launcher may keep copier's input open
wait_for_copier() {
    for _ in {1..10}; do
        kill -0 "$copier" 2>/dev/null || break
        sleep 0.1
    done
}

# answering: prints those of the nodes that start a task within 10 seconds
answering() {
    local node
    for node in "${nodes[@]}"; do
        timeout -k 1 10 srun -Q --overlap --mpi=none -N 1 -n 1 -w "$node" true \
            </dev/null >/dev/null 2>&1 && echo "$node" &
    done
    wait
}

# end_launcher: runs beside the launcher, which may wait for a dead node for ever.  It ends the
# launcher if the run's heartbeat, once per second in RUN/.lock, has stopped for 5 seconds and
# a node does not answer.
end_launcher() {
    local beat before='' beats=0 silent=0 patience=5
    while sleep 1; do
        beat=$(cat -- "$run/.lock" 2>/dev/null) || true
        silent=$((silent + 1))
        if [ "$beat" != "$before" ]; then
            before=$beat beats=$((beats + 1)) silent=0 patience=5
        elif ((beats > 1 && silent > patience)); then
            if (($(answering | wc -l) < ${#nodes[@]})); then
                # shellcheck disable=SC2046
                scancel $(squeue -h -s -j "$SLURM_JOB_ID" -o %i | grep -v '[a-z]') || true
                sleep 2
                kill -KILL "$child"
            fi
            silent=0 patience=$((2 * patience))
        fi
    done 2>/dev/null
}

# guard: runs a task on the last of the nodes.  If the host of this script dies, Slurm takes only
# this host from the job (--no-kill), which then has no script: the task requeues the job, or
# cancels it if SHARDNET_REQUEUE is not yes.  If a busy node refuses the task, guard tries again.
guard() {
    # shellcheck disable=SC2016
    until srun -Q --overlap --mpi=none -N 1 -w "${nodes[-1]}" -n 1 bash -c 'while sleep 30; do
        list=$(squeue -h -j "$1" -o %N) && list=$(scontrol show hostnames "$list") || continue
        [ -n "$list" ] && ! grep -qxF -- "$2" <<<"$list" || continue
        { [ "$3" = yes ] && scontrol requeue "$1"; } || scancel "$1"
        exit
    done' guard "$job" "$SLURMD_NODENAME" "${SHARDNET_REQUEUE:-yes}"; do
        sleep 5
    done </dev/null >/dev/null 2>&1
}

# watch_nodes: starts end_launcher and guard beside the ranks, each with its children in a
# process group of its own; unwatch_nodes ends these groups
watch_nodes() {
    beside=()
    if ((${#nodes[@]} > 1)) && [ -n "$child" ]; then
        set -m
        end_launcher &
        beside=(-$!)
        if [ -n "${tasks[${SLURMD_NODENAME:-none}]-}" ]; then
            guard &
            beside+=(-$!)
        fi
        set +m
    fi
}
unwatch_nodes() {
    if ((${#beside[@]} > 0)); then
        # an srun to a dead node obeys KILL only
        { kill -- "${beside[@]}"; sleep 1; kill -KILL -- "${beside[@]}"; wait "${beside[@]#-}"; } 2>/dev/null || true
    fi
}

# named_host: prints the first node that the error lines of the last start name.  Lines of the
# program come first.  Lines after the first killed rank do not count: the launcher killed these.
named_host() {
    {
        grep '^shardnet: error' -- "$errors" || true
        sed '/Terminating\|aborted\|CANCELLED/,$d' -- "$errors" |
            grep -E 'error|signal' | grep -v 'exit code' || true
    } | grep -owF -f <(printf '%s\n' "${nodes[@]}") | head -n 1
}

# use_nodes NODE...: the next start uses these nodes only
use_nodes() {
    local node count=0 list
    list=$(printf ',%s' "$@")
    for node; do count=$((count + tasks[$node])); done
    nodes=("$@")
    # srun obeys options, mpirun these variables
    export SLURM_NTASKS=$count SLURM_NPROCS=$count SLURM_NNODES=$# SLURM_JOB_NUM_NODES=$# \
        SLURM_JOB_NODELIST=${list:1} SLURM_NODELIST=${list:1} SLURM_OVERLAP=1
    SLURM_TASKS_PER_NODE=$(for node; do printf ',%s' "${tasks[$node]}"; done)
    export SLURM_TASKS_PER_NODE=${SLURM_TASKS_PER_NODE:1}
    if [ "$launcher" = srun ]; then
        place=(-N "$#" -w "${list:1}")
    fi
}

# choose_nodes: decides whether training starts again in this allocation, after a start that
# failed or hung; sets $reason, and $lost to yes if a node died.  Without a dead node or a host
# in the error lines the job returns to the queue.
choose_nodes() {
    local alive=() left=() node host
    [ "$stopping" = no ] && ((${#nodes[@]} > 1)) || return 1
    mapfile -t alive < <(answering)
    for node in "${nodes[@]}"; do
        [[ " ${alive[*]} " != *" $node "* ]] || left+=("$node")
    done
    host=$(named_host) || true
    if ((${#left[@]} < ${#nodes[@]})); then
        # shellcheck disable=SC2034
        lost=yes reason="a node does not answer"
    elif [ -z "$host" ]; then
        return 1
    else
        [ "$host" = "$suspect" ] || suspected=0
        suspect=$host suspected=$((suspected + 1)) reason="failed on $host"
        if ((suspected >= host_failures)); then
            reason="$suspected starts in a row failed on $host, which is left out"
            mapfile -t left < <(printf '%s\n' "${nodes[@]}" | grep -vxF -- "$host")
        fi
    fi
    if ((${#left[@]} < min_nodes || ${#left[@]} == 0)); then
        say "$reason; ${#left[@]} nodes are left, SHARDNET_MIN_NODES is $min_nodes"
        return 1
    fi
    use_nodes "${left[@]}"
}
