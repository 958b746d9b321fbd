#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Measures the seconds from the start to a test error, in shardnet and in PyTorch, in turn.
#
#     tests/bench/seconds.sh [ROUNDS [ERROR...]]
#     tests/bench/seconds.sh 5 2.0 1.5
#
# Both train configs/fast-98.ini (or CONFIG) and evaluate the test set after every epoch; round
# N has seed N.  Start-up, reading of the data and evaluation count.  The time of a round is
# that of the first epoch with the ERROR, in percent, or less; - if no epoch has it.
#
# Variables:
#   SHARDNET_DATA  the folder of MNIST
#   PYTHON         a python3 with torch  (default: python3; empty: no run of PyTorch)
#   RANKS          ranks of shardnet  (default: all cores)
#
# The release preset must be built.
set -euo pipefail
# shellcheck source=../../jobs/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../../jobs/common.sh"

offer_help "$@"
rounds=${1-5}
shift || true
[ $# -gt 0 ] || set -- 2.0 1.5
config=$(absolute "${CONFIG-$source_root/configs/fast-98.ini}")
data=$(absolute "${SHARDNET_DATA:?names the folder of MNIST}")
python=${PYTHON-python3}
ranks=${RANKS-$(cores)}
program=$source_root/build/release/shardnet
[ -x "$program" ] || fail 69 "build/release/shardnet is missing: cmake --preset release && cmake --build --preset release"
systems=(shardnet)
if [ -n "$python" ]; then
    "$python" -c 'import torch' 2>/dev/null || fail 69 "$python has no torch; set PYTHON, PYTHON= leaves PyTorch out"
    systems+=(torch)
fi
allow_mpirun_as_root
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT

run_shardnet() {
    "$(mpirun_of "$source_root/build/release")" -n "$ranks" "$program" train "$config" \
        --set data.dir="$data" --set train.seed="$1" --set train.report_every=1 --out "$scratch/run.$1"
}
run_torch() {
    "$python" "$source_root/tests/bench/torch_recipe.py" "$config" --data "$data" --seed "$1"
}

# stamped COMMAND...: runs the command; prints "SECONDS ERROR" for each of its lines "epoch ...
# test error ERROR %", with the seconds since its start
stamped() {
    local begun=${EPOCHREALTIME/./} line
    "$@" | while read -r line; do
        if [[ $line =~ ^epoch.*test\ error\ ([0-9.]+) ]]; then
            echo "$(((${EPOCHREALTIME/./} - begun) / 10000))e-2 ${BASH_REMATCH[1]}"
        fi
    done
}

run_shardnet 0 >/dev/null # files into the page cache
printf '%-10s %6s %10s %10s\n' system round "error, %" seconds
for ((round = 1; round <= rounds; round++)); do
    for system in "${systems[@]}"; do
        stamped "run_$system" "$round" >"$scratch/epochs"
        for error in "$@"; do
            awk -v who="$system" -v round="$round" -v limit="$error" '
                $2 <= limit { seconds = sprintf("%.2f", $1); exit }
                END { printf "%-10s %6d %10s %10s\n", who, round, limit, seconds == "" ? "-" : seconds }
            ' "$scratch/epochs" | tee -a "$scratch/rows"
        done
    done
done

echo "$rounds rounds, $ranks ranks; $(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1)"
for error in "$@"; do
    for system in "${systems[@]}"; do
        awk -v who="$system" -v limit="$error" '$1 == who && $3 == limit { print $4 }' \
            "$scratch/rows" | sort -g | awk -v who="$system" -v limit="$error" '
            $1 != "-" { value[++n] = $1 }
            END {
                printf "%s %% error, %s: %d of %d runs reach it", limit, who, n, NR
                if (n > 0) printf "; median %.2f s (%s .. %s)", \
                    (value[int((n + 1) / 2)] + value[int((n + 2) / 2)]) / 2, value[1], value[n]
                print ""
            }'
    done
done
