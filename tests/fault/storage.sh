#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Storage that fails while a run writes: a file-size limit, a full file system, a read-only
# folder, a folder that goes away.  Inside the run that is a warning, and a later checkpoint
# succeeds; for the last checkpoint it is exit 74, and what was good stays good.
#
# A full and a read-only file system need mounts, made where only this test sees them.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
if [ -z "${STORAGE_TEST_MOUNTS-}" ]; then
    for options in --mount "--mount --map-root-user"; do
        # shellcheck disable=SC2086
        if unshare $options mount -t tmpfs -o size=1m none /mnt 2>/dev/null; then
            STORAGE_TEST_MOUNTS=yes exec unshare $options "$0" "$@"
        fi
    done
fi
setup_test "$@"
sanitized=no
if [ -n "$(sed -n 's/^SHARDNET_SANITIZE:[A-Z]*=//p' "$(dirname -- "$program")/CMakeCache.txt")" ]; then
    sanitized=yes
fi
cd -- "$scratch"

# A run that ends when it is told to, with a checkpoint of 0.8 MB every few milliseconds.
write_config endless.ini data.source=synthetic data.train_limit=3000 model.hidden=128 \
    train.epochs=1000000 train.batch=60 train.eval_every=1000000 train.report_every=1000000 \
    checkpoint.every_epochs=0 checkpoint.every_steps=100 checkpoint.keep=2 metrics.every_steps=100

# steps: of the checkpoints of $run, and the last of them
steps() {
    find "$run/checkpoints" -name 'step-*.h5' 2>/dev/null | sed 's/.*step-0*//; s/\.h5//' | sort -n
}

last_step() {
    local last
    last=$(steps | tail -n 1)
    echo "${last:-0}"
}

# advances WHAT: the run, which goes on, writes a newer checkpoint
advances() {
    local end=$((SECONDS + limit)) last
    last=$(last_step)
    until [ "$(last_step)" -gt "$last" ]; do
        kill -0 "$job" 2>/dev/null || wrong "the run ended before $1"
        ((SECONDS < end)) || wrong "not within $limit s: $1"
        sleep 0.02
    done
}

# begin RANKS RUN: in the background, until its first checkpoint is there
begin() {
    run=$2
    start "$1" "$program" train endless.ini --out "$run" --resume
    advances "its first checkpoint"
}

# warned PATTERN: until the run warns so
warned() {
    local end=$((SECONDS + limit))
    until grep -Eq -- "^shardnet: warning: .*($1)" err; do
        kill -0 "$job" 2>/dev/null || wrong "the run ended before it warned of '$1'"
        ((SECONDS < end)) || wrong "no warning of '$1' within $limit s"
        sleep 0.02
    done
}

# recovers: storage is back
recovers() {
    advances "the next checkpoint after the failure"
}

# stop CODE: asks for the last checkpoint
stop() {
    kill -USR1 "$job"
    finish
    [ "$code" -eq "$1" ] || wrong "exit code $code instead of $1 after USR1"
    [ "$(grep -c '^shardnet: error: ' err)" -eq $(($1 == 74)) ] || wrong "not one line of error"
    if [ "$1" -eq 75 ]; then
        expect_text err '^shardnet: stopped early on request'
    fi
}

# good: everything in $run is, and a run can go on from it
good() {
    cp err err.kept
    [ -z "$(find "$run" -name '*.tmp')" ] || wrong "a temporary file is left"
    expect_exit 0 "$program" verify "$run"
    expect_exit 75 "$program" train endless.ini --out "$run" --resume --set train.max_steps=1
    expect_text out '^resume '
    cp err.kept err
}

# --- a limit on the size of files

# MPI keeps files of its own, of about 4 MB; the checkpoint has 13
write_config large.ini data.source=synthetic data.train_limit=200 model.hidden=2048 \
    train.epochs=2 train.batch=100 checkpoint.every_epochs=1
for ranks in 0 2; do
    (
        ulimit -f 10000
        on_ranks $ranks "$program" train large.ini --out limited
        expect_exit 74 "${words[@]}"
    )
    expect_text err '^shardnet: warning: .*limited/checkpoints/step-00000002.*File too large'
    expect_text err '^shardnet: error: .*limited/checkpoints/step-00000004.*File too large'
    [ "$(grep -c '^shardnet: ' err)" -eq 2 ] || wrong "other lines than a warning and an error"
    [ -z "$(ls limited/checkpoints)" ] || wrong "a file beyond the limit"
    checked "ulimit -f below a checkpoint: a warning, then exit 74 (mpirun -n $ranks)"
    rm -rf limited
done

# rank_zero: its process; mpirun starts it first
rank_zero() {
    children_of "$job" | sort -n | head -n 1
}

for ranks in 0 2; do
    begin $ranks limit-$ranks
    if [ $ranks -eq 0 ]; then rank=$job; else rank=$(rank_zero); fi
    prlimit --pid "$rank" --fsize=500000:unlimited
    warned 'checkpoints/step-.*File too large'
    prlimit --pid "$rank" --fsize=unlimited:unlimited
    recovers
    prlimit --pid "$rank" --fsize=1000:unlimited
    warned 'metrics\.h5.*File too large'
    prlimit --pid "$rank" --fsize=unlimited:unlimited
    recovers
    stop 75
    good
    begin $ranks limit-$ranks
    if [ $ranks -eq 0 ]; then rank=$job; else rank=$(rank_zero); fi
    prlimit --pid "$rank" --fsize=500000:unlimited
    stop 74
    expect_text err '^shardnet: error: .*checkpoints/step-.*File too large'
    good
    checked "a limit on the size of files during the run (mpirun -n $ranks)"
done

# --- memory that suffices for training, not for the file that is made in it

# address_space: of $job, in bytes, while it makes no such file: the least of some looks
address_space() {
    local least='' kib
    for _ in {1..60}; do
        kib=$(sed -n 's/^VmSize:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$job/status")
        if [ -z "$least" ] || [ "$kib" -lt "$least" ]; then least=$kib; fi
        sleep 0.05
    done
    echo $((least * 1024))
}

write_config heavy.ini data.source=synthetic data.train_limit=1000 model.hidden="3000, 3000" \
    train.epochs=1000000 train.batch=4 train.eval_every=1000000 train.report_every=1000000 \
    comm.reduce=allreduce compute.threads=1 compute.backend=openblas \
    checkpoint.every_epochs=0 checkpoint.every_steps=8 checkpoint.keep=1 # a file of 91 MB, more than malloc keeps
if [ "$sanitized" = no ]; then # their own memory is not to be limited
    run=heavy limit=$((2 * limit))
    start 0 "$program" train heavy.ini --out heavy
    advances "its first checkpoint"
    least=$(address_space)
    prlimit --pid "$job" --as=$((least + 40000000)):unlimited
    warned 'cannot build in memory \(heavy/checkpoints/step-.*out of memory; rank 0 needs 9[0-9] MB more'
    prlimit --pid "$job" --as=unlimited:unlimited
    recovers
    prlimit --pid "$job" --as=$((least + 40000000)):unlimited
    stop 74
    expect_text err '^shardnet: error: cannot build in memory \(heavy/checkpoints/step-.*ulimit -v'
    expect_exit 0 "$program" verify heavy
    rm -rf heavy
    limit=$((limit / 2))
    checked "no memory for a checkpoint: a warning, and exit 74 for the last one"
fi

# --- the weights of the best epoch

# the first epoch stays the best: a rate that changes nothing
write_config best.ini data.source=synthetic data.train_limit=200 data.validation=50 \
    model.hidden=16 optimizer.learning_rate=1e-12 train.epochs=900000 train.batch=50 \
    checkpoint.every_epochs=0 checkpoint.every_steps=30
run=best
mkdir -p best/checkpoints/best.h5.tmp
SHARDNET_FAULT=step.slow start 2 "$program" train best.ini --out best
wait_for '^epoch 1/'
sleep 0.5
rmdir best/checkpoints/best.h5.tmp # between the failure and the next checkpoint
advances "the next checkpoint"
[ -f best/checkpoints/best.h5 ] || wrong "best.h5 was not written with the next checkpoint"
stop 75
expect_text err '^shardnet: warning: .*best\.h5.*File exists'
expect_exit 0 "$program" verify best
expect_exit 0 "$program" inspect best/checkpoints/best.h5
expect_text out '^progress +1 epochs'
rm -rf best
mkdir -p best/checkpoints/best.h5.tmp
start 2 "$program" train best.ini --out best
warned 'best\.h5.*weights of the best epoch are lost'
advances "a checkpoint after the second failure"
warned 'cannot remove .*best\.h5\.tmp.*; older checkpoints were not removed'
stop 75 # the checkpoint is there
expect_exit 75 "$program" train best.ini --out best --resume --set train.max_steps=1
expect_text out '^resume '
[ ! -f best/checkpoints/best.h5 ] || wrong "best.h5 of another epoch"
rm -rf best
checked "best.h5 that could not be written is tried once more at the next checkpoint"

# --- a folder that goes away

begin 2 vanishing
mv vanishing gone
warned 'run \(vanishing\): .*disappeared'
recovers
stop 75
good
checked "the folder of the run is taken away: made anew"

begin 0 replaced
kill -STOP "$job" # or it makes the folder anew in between
mv replaced replaced-gone
: >replaced
kill -CONT "$job"
warned 'replaced.*(File exists|Not a directory)'
sleep 0.3
stop 74
expect_text err '^shardnet: error: .*replaced'
run=replaced-gone
rm -f "$run"/*.tmp "$run"/checkpoints/*.tmp # the folder may have gone amid a write
good
checked "the folder becomes a file: exit 74 at the last checkpoint"

# --- metrics that are damaged

begin 0 damaged
end=$((SECONDS + limit))
until grep -q 'warning: metrics .*damaged; moved to metrics\.h5\.damaged; a new file' err; do
    echo 'no HDF5 file' >damaged/other # again and again: the run may be about to replace it
    mv damaged/other damaged/metrics.h5
    ((SECONDS < end)) || wrong "no warning of damaged metrics within $limit s"
    sleep 0.1
done
[ "$(cat damaged/metrics.h5.damaged)" = 'no HDF5 file' ] || wrong "not what was put there"
recovers
stop 75
good
checked "metrics damaged during the run: put aside, with a warning"

# --- a full, and a read-only file system

if [ -z "${STORAGE_TEST_MOUNTS-}" ]; then
    lack_part "a full and a read-only file system: this user and kernel allow no mount"
    exit 0
fi

mkdir disk
mount -t tmpfs -o size=8m none disk

# fill: until there is no room at all
fill() {
    cat /dev/zero >disk/filler 2>/dev/null || true
}

begin 2 disk/run
fill
warned 'disk/run/checkpoints/.*No space left'
warned 'disk/run/metrics\.h5.*No space left'
rm disk/filler
recovers
stop 75
good
begin 2 disk/run
fill
stop 74
expect_text err '^shardnet: error: .*disk/run/.*No space left'
rm disk/filler
good
checked "a full file system"

read_only() {
    local end=$((SECONDS + limit))
    until mount -o "remount,$1" none disk 2>mount-err; do # busy while a file is open
        ((SECONDS < end)) || wrong "cannot remount: $(cat mount-err)"
        sleep 0.01
    done
}

begin 2 disk/run
read_only ro
warned 'disk/run/checkpoints/.*Read-only'
warned 'disk/run/metrics\.h5.*Read-only'
read_only rw
recovers
stop 75
good
begin 2 disk/run
read_only ro
stop 74
expect_text err '^shardnet: error: .*disk/run/.*Read-only'
read_only rw
good
checked "a file system that becomes read-only"

begin 0 disk/run
umount -l disk
warned 'run \(disk/run\): .*disappeared'
recovers
stop 75
good
checked "a file system that is taken away"
