#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Trains one network with every combination of settings on this machine, one after the other.
#
#     jobs/sweep.sh CONFIG FOLDER KEY=VALUES... [-- TRAIN ARGUMENT...]
#     jobs/sweep.sh configs/article.ini runs/rates learning_rate=0.01,0.1 seed=1..3 \
#         -- --set data.validation=5000 --quiet
#
# KEY is SECTION.KEY, or KEY alone if only one section has it.  VALUES are separated by commas;
# A..B stands for the whole numbers from A to B, and + for a comma inside a value:
# hidden=800+800,1024 are the networks with hidden = 800,800 and hidden = 1024.
#
# Each run has the folder FOLDER/SETTINGS, such as
# FOLDER/optimizer.learning_rate=0.01,train.seed=1.  The script continues unfinished runs and
# leaves finished ones as they are: you can stop it with Ctrl-C, add values, and call it again.
# A run that fails does not stop the others.  At the end the script prints the table of
# jobs/sweep-summary.sh, which has the lowest validation error first.  The exit code is 0 if all
# runs are finished, 75 if a signal stopped the script, else that of the first run that failed.
#
# Variables:
#   RANKS     ranks of each run  (default: one per core)
#   SHARDNET  the program        (default: build/release/shardnet, else on the PATH)
set -euo pipefail

# shellcheck source=batch.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/batch.sh"

offer_help "$@"
usage="usage: jobs/sweep.sh CONFIG FOLDER KEY=VALUES... [-- TRAIN ARGUMENT...]"
[ $# -ge 3 ] || fail 64 "$usage"
config=$1 folder=$2 ranks=${RANKS-$(cores)}
shift 2
[ -r "$config" ] || fail 66 "cannot read CONFIG $config"
[[ $ranks =~ ^[1-9][0-9]{0,5}$ ]] || fail 64 "RANKS is '$ranks', not a whole number from 1"
program=$(find_program)

# full_key KEY: prints SECTION.KEY
full_key() {
    local found
    found=$("$program" train --help-config | awk -v wanted="$1" '
        /^\[/ { section = substr($0, 2, length($0) - 2) }
        /^  [a-z_0-9]+ =/ && (wanted == $1 || wanted == section "." $1) { print section "." $1 }')
    case $(wc -w <<<"$found") in
    0) fail 64 "no key $1: see $program train --help-config" ;;
    1) echo "$found" ;;
    *) fail 64 "the key $1 is in several sections: use one of $(tr '\n' ' ' <<<"$found")" ;;
    esac
}

# values VALUES: prints one value per line
values() {
    local value count
    local -a parts
    IFS=, read -r -a parts <<<"$1"
    [ ${#parts[@]} -gt 0 ] || fail 64 "a key has no value: $usage"
    for value in "${parts[@]}"; do
        if [[ $value =~ ^([0-9]{1,9})\.\.([0-9]{1,9})$ ]]; then
            count=$((10#${BASH_REMATCH[2]} - 10#${BASH_REMATCH[1]} + 1))
            ((count >= 1 && count <= 1000)) || fail 64 "$value is not a range of 1 to 1000 numbers"
            seq "$((10#${BASH_REMATCH[1]}))" "$((10#${BASH_REMATCH[2]}))"
        elif [ -n "$value" ]; then
            echo "${value//+/,}"
        else
            fail 64 "an empty value in '$1'"
        fi
    done
}

# Each line of the grid is a combination: SECTION.KEY=VALUE, separated by spaces.
grid=('')
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    [[ $1 == *?=?* ]] || fail 64 "'$1' is not KEY=VALUES; $usage"
    key=$(full_key "${1%%=*}")
    list=$(values "${1#*=}")
    wider=()
    for line in "${grid[@]}"; do
        while read -r value; do
            wider+=("$line $key=$value")
        done <<<"$list"
    done
    grid=("${wider[@]}")
    shift
done
[ -n "${grid[0]}" ] || fail 64 "$usage"
[ $# -eq 0 ] || shift # the --

# Without validation samples no run has a rank; runs that differ only in their seeds need none.
if tr ' ' '\n' <<<"${grid[0]}" | grep -qv '^train\.seed=\|^$' && ! {
    sed -n '/^ *\[data\]/,/^ *\[/s/^ *validation *= *//p' "$config"
    printf '%s\n' "${grid[0]}" "$@" | sed -n 's/.*data\.validation=//p'
} | tail -n 1 | grep -q '^[1-9]'; then
    say "no validation samples: the table cannot rank the runs; add -- --set data.validation=N" >&2
fi
allow_mpirun_as_root
tune_open_mpi
mpirun=$(mpirun_of "$(dirname -- "$program")")
trap request_stop INT TERM USR1
start_seconds=2
result=0 number=0
for line in "${grid[@]}"; do
    read -r -a settings <<<"$line"
    name=$(printf '%s\n' "${settings[@]}" | sed 's/,/+/g; s/[\/ ]/_/g' | paste -sd ,)
    number=$((number + 1))
    say "run $number of ${#grid[@]}: $name"
    mkdir -p -- "$folder"
    run=$folder/$name arguments=("${settings[@]/#/--set=}" "$@")
    # the ranks have their own process group: Ctrl-C reaches this script only
    start_ranks setsid "$mpirun" -n "$ranks"
    wait_for_ranks
    if [ "$stopping" = yes ]; then
        result=75
        break
    elif [ "$code" -ne 0 ]; then
        echo "${0##*/}: $name ended with $code" >&2
        [ "$result" -ne 0 ] || result=$code
    fi
done
SHARDNET=$program "$source_root/jobs/sweep-summary.sh" "$folder" || true
exit "$result"
