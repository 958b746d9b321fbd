#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# ThreadSanitizer finds no race between training, the thread that writes checkpoints and the
# watchdog.  Each process has one OpenMP thread, since ThreadSanitizer does not see the
# synchronization of libgomp.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
scratch_in_memory
setup_test "$@"
cd -- "$scratch"
export OMP_NUM_THREADS=1
export TSAN_OPTIONS=exitcode=99:suppressions=$source_root/tests/support/tsan.supp
limit=120

write_config job.ini data.source=synthetic data.train_limit=600 data.validation=100 model.hidden=16 \
    train.epochs=4 train.batch=50 compute.threads=1 checkpoint.every_steps=3 checkpoint.keep=2

# no_report: the last command printed none
no_report() {
    expect_no_text err 'ThreadSanitizer'
}

expect_exit 0 "$program" train job.ini --out alone
no_report
expect_text out '^store .* checkpoints written in the background'
checked "one rank, a checkpoint every 3 steps: no race"

for reduce in allreduce overlap node reproducible; do
    expect_mpi_exit 0 2 "$program" train job.ini --out "$reduce" --set "comm.reduce=$reduce"
    no_report
    checked "two ranks, $reduce: no race"
done
expect_mpi_exit 75 2 "$program" train job.ini --out part --set train.max_steps=10
no_report
expect_mpi_exit 0 2 "$program" train job.ini --out part --resume
no_report
checked "stopped and resumed: no race"

write_config long.ini data.source=synthetic data.train_limit=600 model.hidden=16 train.epochs=900000 \
    train.batch=50 train.eval_every=1000000 compute.threads=1 checkpoint.every_steps=3 \
    comm.timeout_seconds=10
start 2 "$program" train long.ini --out signalled
wait_for '^epoch 2/'
for rank in $(ranks_of_job); do
    kill -USR1 "$rank" 2>/dev/null || true # the first signal can end both
done
finish
[ "$code" -eq 75 ] || wrong "exit code $code instead of 75"
no_report
checked "a signal during training: no race"

run "$mpirun" -n 2 env SHARDNET_FAULT=step.hang@1:14 "$program" train long.ini --out hung
[ "$code" -eq 75 ] || wrong "exit code $code instead of 75"
no_report
checked "a rank that hangs: no race"
