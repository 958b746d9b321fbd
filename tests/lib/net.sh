# SPDX-License-Identifier: BSD-3-Clause
# Functions of the tests on several hosts.  A test sources this file and calls setup_network:
# four hosts of one rank each, 1 ms and 1 Gbit/s apart, run until the test ends.
# shellcheck shell=bash

# shellcheck source=test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/test.sh"

timeout_seconds=5

# setup_network "$@": the arguments of the script; the working folder is $scratch then
setup_network() {
    scratch_in_memory
    setup_test "$@"
    common_folders
    require_namespaces "iproute2 util-linux" tc

    net=$source_root/tests/lib/net-lab.sh
    NET_LAB_DIR=$(mktemp -u /tmp/slnXXXXXX)
    export NET_LAB_DIR NET_LAB_MPIRUN=$mpirun
    NET_LAB_SWITCH=$(dirname -- "$program")/tests/delay_switch
    export NET_LAB_SWITCH
    trap '"$net" down || true; clean_up' EXIT
    "$net" up 4 1 1gbit
    cd -- "$scratch" || exit
    write_config job.ini data.source=synthetic data.train_limit=600 model.hidden=16 \
        train.epochs=900000 train.batch=100 train.eval_every=1000000 comm.reduce=reproducible \
        comm.leaves=4 "comm.timeout_seconds=$timeout_seconds" checkpoint.every_steps=5
}

# train RUN: four ranks, in the background, until some epochs are done and a checkpoint exists
train() {
    start 0 "$net" mpirun -n 4 "$program" train job.ini --out "$1"
    wait_for '^epoch 3/'
    wait_for_checkpoint "$1"
}

# pid_on HOST: prints the process of its rank
pid_on() {
    local pid
    for pid in $("$net" pids "$1"); do
        [ "$(readlink "/proc/$pid/exe")" != "$program" ] || echo "$pid"
    done
}

# broken_off CODE PATTERN: the job ends in time, and its output names the culprit
broken_off() {
    local begun=$SECONDS
    finish
    ((SECONDS - begun <= timeout_seconds + 15)) || wrong "ended only after $((SECONDS - begun)) s"
    [ "$code" -eq "$1" ] || wrong "exit code $code instead of $1"
    expect_text err "$2"
}

# all_leave HOST...: no rank is left there
all_leave() {
    local host end=$((SECONDS + 15))
    for host in "$@"; do
        while [ -n "$(pid_on "$host")" ]; do
            ((SECONDS < end)) || wrong "a rank is left on $host"
            sleep 0.1
        done
    done
}

# resumed RUN: --resume on one rank gives the parameters of an undisturbed run
resumed() {
    local epochs
    epochs=$(($(sed -n 's/^epoch \([0-9]*\)\/.*/\1/p' out | tail -n 1) + 5))
    expect_mpi_exit 0 1 "$program" train job.ini --out "$1" --resume --set train.epochs=$epochs
    expect_text out '^resume '
    expect_mpi_exit 0 1 "$program" train job.ini --out undisturbed --resume --set train.epochs=$epochs
    same_parameters "$(newest_checkpoint undisturbed)" "$(newest_checkpoint "$1")"
    rm -rf -- undisturbed
}
