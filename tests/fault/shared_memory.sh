#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Too little shared memory: ranks use private memory and get the same result.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

# left: prints the shared memory of this and of other tests, which comes and goes
left() {
    find /dev/shm -regextype posix-extended -regex '/dev/shm/shardnet-[0-9a-f]{16}'
}
left >before # a killed process leaves its own for ever

# gradient buffers of 3.3 MB per rank and images of 4.5 MB; MPI uses 4 MB of /dev/shm per rank
expect_exit 0 "$program" data synth digits --train 4700 --test 1000
write_config job.ini data.source=idx data.dir="$scratch/digits" model.hidden=1024 \
    train.epochs=1 train.batch=470
expect_mpi_exit 0 2 "$program" train job.ini --set comm.reduce=node --out plenty
expect_text out '^reduce +node$'
expect_text out 'one copy per node'
for file in $(left | grep -Fxvf before); do
    wait_until "$file does not go" test ! -e "$file"
done
checked "enough: both are shared, and no file is left"

# limits a file to 8,192,000 bytes: the checkpoint of 6.5 MB and the images, not three gradient buffers
# shellcheck disable=SC2016
limited=(bash -c 'ulimit -f 8000 && exec "$@"' -)
expect_exit 0 "${limited[@]}" "$mpirun" -n 3 "$program" train job.ini \
    --set comm.reduce=node --out limited
expect_text out '^reduce +node: not possible on these ranks, allreduce instead$'
expect_text out 'one copy per node'
checked "ulimit -f below the gradient buffers of a node: one MPI_Allreduce"

write_config small.ini data.source=synthetic data.train_limit=700 data.validation=100 \
    model.hidden=24,16 model.max_norm=1 train.epochs=2 train.batch=64 comm.leaves=4
# both COMMAND...: the same parameters with one copy of the state and with a copy per rank
both() {
    expect_mpi_exit 0 3 "$program" train small.ini --out private "$@"
    expect_no_text out '^model .*one copy per node'
    expect_mpi_exit 0 3 env SHARDNET_FAULT=replica.share "$program" train small.ini --out shared "$@"
    expect_text out '^model .*one copy per node'
    same_run private shared
    same_parameters private/checkpoints/best.h5 shared/checkpoints/best.h5
}
for kind in allreduce overlap node reproducible; do
    both --set comm.reduce=$kind
    rm -rf private shared
done
both --set compute.precision=bf16_emulated
both --set compute.precision=bf16_emulated --set train.epochs=4 --resume
rm -rf private shared
checked "one copy of the state per node, each reduction, bf16, resumed: the bytes of private copies"
expect_mpi_exit 0 2 "$program" train small.ini --out large --set model.hidden=1400 --set train.epochs=1
expect_text out '^model .*one copy per node'
checked "a state of 18 MB on two ranks is shared"

if ! unshare -m mount -t tmpfs -o size=1m tmpfs /dev/shm 2>/dev/null; then
    lack_part "a small /dev/shm: this user and kernel allow no mount namespace"
    exit 0
fi
common_folders

# small_shm MEGABYTES RANKS COMMAND...: exit 0 with a /dev/shm of this size
small_shm() {
    on_ranks "${@:2}"
    # shellcheck disable=SC2016
    expect_exit 0 unshare -m sh -c \
        'mount -t tmpfs -o "size=$1m" tmpfs /dev/shm && shift && exec "$@"' - "$1" "${words[@]}"
}

for way in allreduce auto node; do
    small_shm 12 2 "$program" train job.ini --set comm.reduce=$way --out "small-$way"
    expect_no_text out 'one copy per node'
    checked "a /dev/shm without room for the images, $way: trains"
    small_shm 16 2 "$program" train job.ini --set comm.reduce=$way --out "large-$way"
    expect_text out 'one copy per node'
    checked "a /dev/shm without room for the gradient buffers, $way: trains"
done
expect_text out '^reduce +node: not possible on these ranks, allreduce instead$'
same_parameters "$(newest_checkpoint small-node)" "$(newest_checkpoint large-allreduce)"
checked "the same parameters from private copies"
