#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Compares the time of a step on several hosts with the prediction of `shardnet plan`.
#
#     tests/bench/scaling.sh [SECTION.KEY=VALUE...]
#     tests/bench/scaling.sh model.hidden=30 model.activation=tanh train.batch=64
#
# The hosts are network namespaces (tests/lib/net-lab.sh) with one rank and one thread each.
# HOSTS has their numbers (default: "1 2 4 8"), RATES the links in Gbit/s ("1 10"), REPEATS
# and SECONDS_EACH go to bench (5 and 0.5), PROGRAM is the program (build/release/shardnet).
# Fails if a prediction is off by more than BOUND percent (default: no bound).  Needs root.
# Prints a table: the global batch is the same on all hosts.
#
# plan measures compute and memory of this machine by itself.  The network's latency and the
# rate at which a core serves it come from reductions alone between two hosts whose link has
# no limit: that of a network with one unit, and that of the real gradient; NETWORK="LATENCY
# RATE", as an earlier call printed them, replaces this measurement.  A link carries 1448
# bytes of payload in a frame of 1514.  If there are more hosts than cores, each host has a
# part of a core: plan gets rates that are as much lower, and the efficiency refers to the
# cores.
set -euo pipefail
# shellcheck source=../../jobs/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../../jobs/common.sh"

read -ra hosts <<<"${HOSTS-1 2 4 8}"
read -ra rates <<<"${RATES-1 10}"
program=${PROGRAM-$source_root/build/release/shardnet}
[ -x "$program" ] || fail 69 "$program is missing: cmake --preset release && cmake --build --preset release"
((EUID == 0)) || fail 77 "needs root: each host is a network namespace"
most=1
for count in "${hosts[@]}"; do
    ((count <= most)) || most=$count
done
net=$source_root/tests/lib/net-lab.sh
scratch=$(mktemp -d)
export NET_LAB_DIR=$scratch/net$$
trap '"$net" down || true; rm -rf -- "$scratch"' EXIT
NET_LAB_MPIRUN=$(mpirun_of "$(dirname -- "$program")")
export NET_LAB_MPIRUN
# as the job scripts set them: a ring, and buckets that are sent without a handshake
export OMPI_MCA_coll_libnbc_iallreduce_algorithm=ring OMPI_MCA_btl_tcp_eager_limit=532480
printf '[data]\nsource = synthetic\n[model]\nhidden = 1024,1024,1024\nactivation = relu
[train]\nbatch = 1024\n[compute]\nthreads = 1\n' >"$scratch/job.ini"
settings=()
for word in "$@"; do
    settings+=(--set "$word")
done

# bench HOSTS OPTION...: writes the figures to $scratch/json
bench() {
    "$net" mpirun -n "$1" "$program" bench "$scratch/job.ini" "${settings[@]}" "${@:2}" --json \
        --repeats "${REPEATS-5}" --seconds "${SECONDS_EACH-0.5}" >"$scratch/json" 2>"$scratch/err" ||
        { cat "$scratch/err" >&2 && false; }
}

# figure NAME STATISTIC: prints a number of $scratch/json
figure() {
    sed -n "s/.*\"$1\": {[^}]*\"$2\": \([^,}]*\).*/\1/p" "$scratch/json"
}

# plan HOSTS OPTION...: writes the table to $scratch/plan
plan() {
    "$program" plan "$scratch/job.ini" "${settings[@]}" --ranks "$1" --ranks-per-node 1 "${@:2}" \
        >"$scratch/plan"
}

# calculate EXPRESSION: prints its value
calculate() {
    awk "BEGIN { printf \"%.6g\\n\", $1 }"
}

# measure_network: sets latency (microseconds) and served (GB/s).  In a reduction by recursive
# halving and doubling, each of two hosts sends two messages, together as large as the gradient.
measure_network() {
    local bytes
    "$net" up 2
    bench 2 --set model.hidden=1 --set comm.reduce=allreduce
    latency=$(calculate "$(figure allreduce_seconds median) * 1e6 / 2")
    bench 2 --set comm.reduce=allreduce
    bytes=$(sed -n 's/.*"message_bytes": \([^,}]*\).*/\1/p' "$scratch/json")
    served=$(calculate "$bytes / 1e9 / $(figure allreduce_seconds median)")
    "$net" down
}

# compare RATE HOSTS: appends a line of the table to $scratch/lines
compare() {
    local share gflops memory
    share=$(calculate "$(cores) < $2 ? $(cores) / $2 : 1")
    plan "$2"
    gflops=$(awk '/^compute, GFLOP/ { print $NF }' "$scratch/plan")
    memory=$(sed -n 's/^rates .* memory \([0-9.e+]*\) GB.*/\1/p' "$scratch/plan")
    plan "$2" --gflops "$(calculate "$gflops * $share")" --memory-gbyte "$(calculate "$memory * $share")" \
        --bandwidth-gbit "$(calculate "$1 * 1448 / 1514")" --tcp-gbyte "$(calculate "$served * $share")" \
        --latency-us "$(calculate "$latency / $share")"
    bench "$2"
    echo "$2 $1 $(calculate "$2 * $share") $(figure step_seconds median) $(figure step_seconds min)" \
        "$(figure step_seconds max) $(awk '$1 == "total" { ms = $2 } END { print ms }' "$scratch/plan")" \
        >>"$scratch/lines"
}

read -r latency served <<<"${NETWORK-}"
[ -n "$served" ] || measure_network
for rate in "${rates[@]}"; do
    "$net" up "$most" 0 "${rate}gbit"
    for count in "${hosts[@]}"; do
        compare "$rate" "$count"
    done
    "$net" down
done

echo "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1), $(cores) cores; $*"
echo "measured: latency $latency us, a core serves $served GB/s of TCP"
awk -v bound="${BOUND-0}" 'BEGIN {
        printf "%5s %7s  %-26s %10s %6s  %s\n", "hosts", "Gbit/s", "step, ms", "planned", "ratio",
            "efficiency, planned"
    }
    {
        if ($2 != rate) { rate = $2; one = $3 * $4; planned = $3 * $7 }
        if (bound > 0 && ($7 / (1e3 * $4) - 1) ^ 2 > (bound / 100) ^ 2) { failed = 1 }
        printf "%5d %7g  %7.4g (%6.4g .. %6.4g)  %10.4g %6.2f  %7.0f %% %7.0f %%\n", $1, $2, 1e3 * $4,
            1e3 * $5, 1e3 * $6, $7, $7 / (1e3 * $4), 100 * one / ($3 * $4), 100 * planned / ($3 * $7)
    }
    END { exit failed }' "$scratch/lines"
