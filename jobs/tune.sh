#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Finds the fastest way to train CONFIG on this node.
#
#     jobs/tune.sh [PROGRAM|BUILD]... CONFIG [--set SECTION.KEY=VALUE]...
#                  [--rounds N] [--seconds S] [--cores N]
#
# Runs `shardnet bench` with all cores as N ranks x 1 thread, N/2 x 2, ..., 1 x N, with each
# reduction and each library of matrix products.  It prints a table of step times, the best
# keys, and the command that trains with them.  Every round measures every combination once,
# so that a slow minute of the machine affects all of them.  If CONFIG sets
# comm.reduce = reproducible, the script measures no other reduction.  It compares several
# programs, or build folders that contain one; the default is the program in SHARDNET,
# build/release/shardnet, or the one on the PATH.  Run it on an idle workstation or on the
# first node of an allocation.
#
#   --set SECTION.KEY=VALUE   as for train
#   --rounds N                rounds (3)
#   --seconds S               seconds of steps in each measurement (0.5)
#   --cores N                 cores to use (all)
set -euo pipefail

# shellcheck source=common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

usage="usage: jobs/tune.sh [PROGRAM|BUILD]... CONFIG [--set SECTION.KEY=VALUE]... [--rounds N] [--seconds S] [--cores N]"

# parse ARGUMENT...: sets words, settings, rounds, seconds and cores
parse() {
    words=() settings=() rounds=3 seconds=0.5 cores=$(cores)
    while [ $# -gt 0 ]; do
        case $1 in
        -h | --help) print_usage && exit 0 ;;
        --set=* | --rounds=* | --seconds=* | --cores=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;;
        --set | --rounds | --seconds | --cores)
            [ $# -gt 1 ] || fail 64 "option $1 needs a value; $usage"
            case $1 in
            --set) settings+=(--set "$2") ;;
            --rounds) rounds=$2 ;;
            --seconds) seconds=$2 ;;
            --cores) cores=$2 ;;
            esac
            shift 2
            ;;
        -*) fail 64 "unknown option '$1'; $usage" ;;
        *) words+=("$1") && shift ;;
        esac
    done
    [ ${#words[@]} -gt 0 ] || fail 64 "no CONFIG given; $usage"
    [[ $rounds =~ ^[1-9][0-9]{0,3}$ ]] || fail 64 "--rounds: '$rounds' is not a whole number from 1"
    [[ $cores =~ ^[1-9][0-9]{0,4}$ ]] || fail 64 "--cores: '$cores' is not a whole number from 1"
}

# program_of WORD: prints the path of a program or of the program in a build folder
program_of() {
    local program=$1
    if [ -d "$program" ]; then
        program=$program/shardnet
    fi
    if [ ! -f "$program" ] || [ ! -x "$program" ]; then
        fail 66 "no program $program"
    fi
    absolute "$program"
}

# field NAME: prints a text field of the JSON object in $scratch/out
field() {
    sed -n "s/.*\"$1\": \"\([^\"]*\)\".*/\1/p" "$scratch/out"
}

# bench COMMAND...: sets $code to the exit code; writes $scratch/out and $scratch/err
bench() {
    code=0
    "$@" >"$scratch/out" 2>"$scratch/err" </dev/null || code=$?
}

# reason: prints why the last bench failed
reason() {
    local line
    line=$(sed -n 's/^shardnet: error: //p' "$scratch/err" | head -n 1)
    printf '%s\n' "${line:-exit code $code: $(tail -n 1 "$scratch/err")}"
}

# probe PROGRAM: sets reductions and backends; stops if CONFIG cannot be trained
probe() {
    local brief=("$1" bench "$config" --json --seconds 0.001 --repeats 1 "${settings[@]}")
    bench "${brief[@]}"
    [ "$code" -eq 0 ] || fail "$code" "$(reason)"
    reductions=(allreduce overlap node reproducible)
    if [ "$(field reduce)" = reproducible ]; then
        reductions=(reproducible)
    fi
    backends=(openblas onednn)
    bench "${brief[@]}" --set compute.backend=onednn
    if [ "$code" -ne 0 ]; then
        backends=(openblas)
        echo "onednn is not measured: $(reason)"
    fi
}

# list_ways INDEX: adds a line INDEX RANKS THREADS BACKEND REDUCTION to ways for each
# combination that a program can run
list_ways() {
    local ranks threads backend reduce
    for ((ranks = cores; ranks >= 1; ranks /= 2)); do
        for backend in "${backends[@]}"; do
            for reduce in "${reductions[@]}"; do
                threads=$((cores / ranks))
                if [ "${#reductions[@]}" -eq 1 ]; then
                    threads=1 # a reproducible reduction uses one thread per rank
                elif [ "$reduce" = reproducible ] && ((threads > 1)); then
                    continue
                elif [ "$reduce" != allreduce ] && ((ranks == 1)); then
                    continue # nothing to reduce
                fi
                ways+=("$1 $ranks $threads $backend $reduce")
            done
        done
    done
}

# launch_of INDEX RANKS THREADS: sets launch to the command that starts the ranks
launch_of() {
    launch=("$(mpirun_of "$(dirname -- "${programs[$1]}")")" -n "$2")
    if (($3 > 1)); then
        launch+=(--bind-to none) # otherwise all threads of a rank share one core
    fi
}

# keys_of THREADS BACKEND REDUCTION: sets keys to the options of a combination
keys_of() {
    keys=(--set "compute.threads=$1" --set "compute.backend=$2" --set "comm.reduce=$3")
}

# measure WAY: measures ways[WAY] and adds a line WAY SECONDS BATCH to $scratch/times
measure() {
    local program ranks threads backend reduce launch keys
    read -r program ranks threads backend reduce <<<"${ways[$1]}"
    launch_of "$program" "$ranks" "$threads"
    keys_of "$threads" "$backend" "$reduce"
    bench "${launch[@]}" "${programs[program]}" bench "$config" --json --seconds "$seconds" \
        --repeats 1 "${settings[@]}" "${keys[@]}"
    if [ "$code" -ne 0 ]; then
        left_out[$1]="$ranks x $threads, $backend, $reduce: $(reason)"
        return
    fi
    sed -n 's/.*"batch_images": \([0-9]*\),.*"step_seconds": {[^}]*"median": \([^,]*\),.*/'"$1"' \2 \1/p' \
        "$scratch/out" >>"$scratch/times"
}

# summarise: prints MEDIAN MIN MAX BATCH WAY, the fastest first, for the combinations that
# every round measured
summarise() {
    sort -k 1,1n -k 2,2g "$scratch/times" | awk -v rounds="$rounds" '
        { count[$1]++; seconds[$1, count[$1]] = $2; batch[$1] = $3 }
        END {
            for (way in count) {
                if (count[way] != rounds) continue
                low = int((rounds + 1) / 2); high = int((rounds + 2) / 2)
                # print would round computed numbers to six digits, possibly beyond the maximum
                printf "%.17g %s %s %s %s\n", (seconds[way, low] + seconds[way, high]) / 2, \
                    seconds[way, 1], seconds[way, rounds], batch[way], way
            }
        }' | sort -k 1,1g
}

print_table() {
    local median min max batch way program ranks threads backend reduce name=
    printf '%5s %7s  %-8s %-12s %9s %9s %9s %11s\n' ranks threads backend reduction "min, us" median \
        max images/s
    while read -r median min max batch way; do
        read -r program ranks threads backend reduce <<<"${ways[way]}"
        if [ ${#programs[@]} -gt 1 ]; then
            name="  ${programs[program]}"
        fi
        awk -v a="$min" -v b="$median" -v c="$max" -v n="$batch" -v name="$name" \
            -v way="$(printf '%5d %7d  %-8s %-12s' "$ranks" "$threads" "$backend" "$reduce")" 'BEGIN {
            printf "%s %9.1f %9.1f %9.1f %11.0f%s\n", way, 1e6 * a, 1e6 * b, 1e6 * c, n / b, name }'
    done <"$scratch/summary"
    for way in "${left_out[@]}"; do
        echo "not measured: $way"
    done
}

# print_best WAY: prints the keys and the command of a combination
print_best() {
    local program ranks threads backend reduce launch keys as_root=()
    read -r program ranks threads backend reduce <<<"${ways[$1]}"
    launch_of "$program" "$ranks" "$threads"
    keys_of "$threads" "$backend" "$reduce"
    if [ "$(id -u)" -eq 0 ]; then
        as_root=(--allow-run-as-root)
    fi
    say "the best keys, for $ranks x $threads"
    printf '[compute]\nthreads = %s\nbackend = %s\n[comm]\nreduce = %s\n' "$threads" "$backend" "$reduce"
    say "the same as options"
    show "${launch[@]}" "${as_root[@]}" "${programs[program]}" train "$config" \
        "${settings[@]}" "${keys[@]}" --out RUN
    if [ -n "$in_slurm" ]; then
        show sbatch -N 1 "--ntasks-per-node=$ranks" "--cpus-per-task=$threads" \
            "$source_root/jobs/train.sbatch" "$config" RUN "${settings[@]}" "${keys[@]}"
    fi
}

parse "$@"
config=${words[-1]}
programs=()
for word in "${words[@]:0:${#words[@]}-1}"; do
    program=$(program_of "$word")
    programs+=("$program")
done
if [ ${#programs[@]} -eq 0 ]; then
    program=$(find_program)
    programs=("$program")
fi

# mpirun must start its ranks on all cores of this node, also if the allocation has fewer
in_slurm=${SLURM_JOB_ID-}
for variable in "${!SLURM_@}" "${!PBS_@}" "${!LSB_@}"; do
    unset "$variable"
done
allow_mpirun_as_root
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
: >"$scratch/times"

ways=() left_out=()
for program in "${!programs[@]}"; do
    probe "${programs[program]}"
    list_ways "$program"
done
for ((round = 1; round <= rounds; round++)); do
    say "round $round of $rounds: ${#ways[@]} combinations"
    for way in "${!ways[@]}"; do
        if [ -z "${left_out[way]-}" ]; then
            measure "$way"
        fi
    done
done
summarise >"$scratch/summary"
print_table
[ -s "$scratch/summary" ] || fail 70 "no combination could be measured"
read -r _ _ slowest _ best <"$scratch/summary"
alike=$(awk -v slowest="$slowest" 'NR > 1 && $2 <= slowest' "$scratch/summary" | wc -l)
if ((alike > 0)); then
    echo "$alike other combinations had a round faster than the slowest round of the first one: more rounds may change the order"
fi
print_best "$best"
