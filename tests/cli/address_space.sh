#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A limit on address space (ulimit -v), as login nodes have it: commands without products
# need no memory of OpenBLAS, training runs or ends with one line.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"
if grep -q '^SHARDNET_SANITIZE:[A-Z]*=.' "$(dirname -- "$program")/CMakeCache.txt"; then
    lack "sanitizers take terabytes of address space"
fi
write_config job.ini data.source=synthetic data.train_limit=600 model.hidden=64 train.epochs=2 \
    train.batch=100
expect_exit 0 "$program" train job.ini --out whole

# limited KIB COMMAND...
limited() {
    # shellcheck disable=SC2016
    run bash -c 'ulimit -v "$1" && exec "${@:2}"' bash "$@"
}

# the least limit, in steps of 50 MB, under which the dynamic linker finds room
least=50000
until limited $least "$program" --version && [ "$code" -eq 0 ]; do
    [ "$code" -eq 127 ] || wrong "--version under ulimit -v $least: exit code $code"
    ((least += 50000))
done

limits=()
for ((i = 0; i < 16; i++)); do
    limits+=($((least + i * 50000)))
done
limits+=(4000000)
for kib in "${limits[@]}"; do
    for command in --help "verify whole" "inspect whole" "metrics whole"; do
        # shellcheck disable=SC2086
        limited "$kib" "$program" $command
        [ "$code" -eq 0 ] || wrong "$command under ulimit -v $kib: exit code $code"
    done
done
checked "--help, verify, inspect, metrics under ulimit -v $least and more"

codes=
declare -A code_of
for kib in "${limits[@]}"; do
    for threads in auto 1 2; do
        rm -rf job
        limited "$kib" "$program" train job.ini --out job --set compute.threads=$threads
        [ "$code" -eq 0 ] || [ "$code" -eq 70 ] || [ "$(cores),$threads,$code" = 1,2,78 ] ||
            wrong "train under ulimit -v $kib: exit code $code"
        [ "$(wc -l <err)" -eq $((code != 0)) ] || wrong "not one line of error"
        code_of[$threads]=$code
    done
    [ "${code_of[1]}" -ne 0 ] || [ "${code_of[auto]}" -eq 0 ] ||
        wrong "ulimit -v $kib has room for one thread, but threads = auto fails"
    codes+=" $code"
done
[ "$code" -eq 0 ] || [ "$(cores)" -eq 1 ] || wrong "exit code $code under ulimit -v $kib"
grep -q ' 70 ' <<<"$codes" || wrong "no limit is too small for training: $codes"
limited 4000000 "$program" eval job
[ "$code" -eq 0 ] || wrong "eval under ulimit -v 4000000: exit code $code"
checked "train under these limits: it runs, or one line, and always an end"

if (($(cores) > 1)); then
    for threads in 1 2; do
        start 0 env OMP_NUM_THREADS=1 "$program" train job.ini --out "threads-$threads" \
            --set compute.threads=$threads --set train.epochs=900000
        wait_for '^epoch 3/'
        tasks_of[threads]=$(find "/proc/$job/task" -mindepth 1 -maxdepth 1 | wc -l)
        kill -TERM "$job"
        finish
    done
    ((tasks_of[2] > tasks_of[1])) || wrong "compute.threads=2 starts no thread"
    checked "compute.threads starts threads after the library has been loaded"
fi
