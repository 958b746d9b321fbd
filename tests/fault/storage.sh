#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Storage that fails while a run writes: a file-size limit, a full file system, a read-only
# folder, a folder that disappears.  Inside the run that is a warning, and a later checkpoint
# succeeds; for the last checkpoint it is exit 74, and older good files stay good.
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
shared=$scratch # configurations and data; each check has a $scratch of its own

in_scratch run "$program" data synth "$shared/data" --train 3000 --test 100
# a run that only a signal ends, with a checkpoint of 0.8 MB every few milliseconds
write_config "$shared/fast.ini" data.source=idx data.dir="$shared/data" model.hidden=128 \
    train.epochs=1000000 train.batch=60 train.eval_every=1000000 train.report_every=1000000 \
    checkpoint.every_epochs=0 checkpoint.every_steps=100 checkpoint.keep=2 metrics.every_steps=100
# the same, with a checkpoint every second step of a tenth of a second
sed 's/every_steps = 100/every_steps = 2/' "$shared/fast.ini" >"$shared/slow.ini"

# advances EVENT: waits until the run writes a newer checkpoint
advances() {
    wait_until "no new checkpoint: $1," has_checkpoint "$run" "$(step_of "$run")"
}

# begin slow|fast RANKS RUN: in the background, until its first checkpoint is there; its rank 0
# in $rank
begin() {
    local fault=
    if [ "$1" = slow ]; then fault=step.slow; fi
    run=$3
    config=$shared/$1.ini
    start "$2" env SHARDNET_FAULT=$fault "${unprivileged[@]}" "$program" train "$config" --out "$run" --resume
    advances "its first checkpoint"
    rank=$job
    if [ "$2" -gt 0 ]; then
        rank=$(ranks_of_job | head -n 1)
    fi
}
unprivileged=()

# warned PATTERN: waits until the run warns so
warned() {
    wait_until "no warning of '$1'" grep -Eq -- "^shardnet: warning: .*($1)" err
}

# recovers: the storage works again
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

# good: all files of $run are good, and a run can continue from them.  A temporary file is left
# only if the file system became read-only just before its rename.
good() {
    local file
    cp err err.kept
    while read -r file; do
        grep -Fq "cannot rename ($file to ${file%.tmp}): Read-only file system" err ||
            wrong "a temporary file is left: $file"
    done < <(find "$run" -name '*.tmp')
    expect_exit 0 "$program" verify "$run"
    expect_exit 75 "$program" train "$config" --out "$run" --resume --set train.max_steps=1
    expect_text out '^resume '
    cp err.kept err
}

# --- a limit on the size of files

# MPI keeps files of its own, of about 4 MB; the checkpoint has 13
write_config "$shared/large.ini" data.source=idx data.dir="$shared/data" data.train_limit=200 \
    model.hidden=2048 train.epochs=2 train.batch=100 checkpoint.every_epochs=1
limit_from_start() {
    ulimit -f 10000
    expect_mpi_exit 74 "$1" "$program" train "$shared/large.ini" --out limited
    expect_text err '^shardnet: warning: .*limited/checkpoints/step-00000002.*File too large'
    expect_text err '^shardnet: error: .*limited/checkpoints/step-00000004.*File too large'
    [ "$(grep -c '^shardnet: ' err)" -eq 2 ] || wrong "other lines than a warning and an error"
    [ -z "$(ls limited/checkpoints)" ] || wrong "a file beyond the limit"
    checked "ulimit -f below a checkpoint: a warning, then exit 74 (mpirun -n $1)"
}

limit_in_run() {
    begin slow "$1" run
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
    begin slow "$1" run
    prlimit --pid "$rank" --fsize=500000:unlimited
    stop 74
    expect_text err '^shardnet: error: .*checkpoints/step-.*File too large'
    good
    checked "a limit on the size of files during the run (mpirun -n $1)"
}

# --- memory that suffices for training, not for the file that is made in it

# address_space: prints the smallest address space of $job, in bytes, that it has while a
# file comes and goes
address_space() {
    local least=0 kib high=0 cycles=0 end=$((SECONDS + limit))
    until ((cycles == 2)); do
        kib=$(sed -n 's/^VmSize:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$job/status")
        if ((least == 0 || kib < least)); then least=$kib; fi
        if ((kib > least + 60000)); then high=1; fi
        if ((high && kib < least + 20000)); then ((high = 0, ++cycles)); fi
        ((SECONDS < end)) || wrong "no file is made in memory within $limit s"
        sleep 0.01
    done
    echo $((least * 1024))
}

write_config "$shared/heavy.ini" data.source=idx data.dir="$shared/data" data.train_limit=1000 \
    model.hidden="3000, 3000" \
    train.epochs=1000000 train.batch=4 train.eval_every=1000000 train.report_every=1000000 \
    comm.reduce=allreduce compute.threads=1 compute.backend=openblas \
    checkpoint.every_epochs=0 checkpoint.every_steps=8 checkpoint.keep=1 # a file of 91 MB, more than malloc keeps
no_memory() {
    local least
    run=heavy limit=$((4 * limit))
    start 0 "$program" train "$shared/heavy.ini" --out heavy
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
    checked "no memory for a checkpoint: a warning, and exit 74 for the last one"
}

# --- the weights of the best epoch

# the first epoch stays the best: a rate that changes nothing; an epoch is 3 steps
write_config "$shared/best.ini" data.source=idx data.dir="$shared/data" data.train_limit=200 \
    data.validation=50 model.hidden=16 optimizer.learning_rate=1e-12 train.epochs=900000 \
    train.batch=50 checkpoint.every_epochs=0 checkpoint.every_steps=15
best_retried() {
    run=best
    mkdir -p best/checkpoints/best.h5.tmp
    SHARDNET_FAULT=step.slow start 2 "$program" train "$shared/best.ini" --out best
    # the writer tries after epoch 1 and with each following checkpoint
    warned 'best\.h5.*File exists.*retried at the next checkpoint'
    rmdir best/checkpoints/best.h5.tmp
    advances "a checkpoint whose write may have begun before"
    advances "the next checkpoint"
    [ -f best/checkpoints/best.h5 ] || wrong "best.h5 was not written with the next checkpoint"
    stop 75
    expect_exit 0 "$program" verify best
    expect_exit 0 "$program" inspect best/checkpoints/best.h5
    expect_text out '^progress +1 epochs'
    checked "best.h5 that could not be written is written later, with the state of its epoch"
}

best_lost() {
    run=best
    mkdir -p best/checkpoints/best.h5.tmp
    start 2 "$program" train "$shared/best.ini" --out best
    warned 'best\.h5.*retried at the next checkpoint'
    advances "a checkpoint after the failure"
    warned 'cannot remove .*best\.h5\.tmp.*; older checkpoints were not removed'
    stop 75 # the checkpoint is there
    expect_exit 75 "$program" train "$shared/best.ini" --out best --resume --set train.max_steps=1
    expect_text out '^resume '
    [ ! -f best/checkpoints/best.h5 ] || wrong "best.h5 of another epoch"
    mkdir -p ended/checkpoints/best.h5.tmp
    expect_mpi_exit 74 2 "$program" train "$shared/best.ini" --out ended --set train.epochs=2
    expect_text err '^shardnet: error: .*best\.h5'
    checked "best.h5 that can never be written: the run continues without it; 74 at its end"
}

# --- a folder that disappears

vanishes() {
    begin fast 2 vanishing
    mv vanishing gone
    warned 'run \(vanishing\): .*disappeared'
    recovers
    stop 75
    good
    checked "the folder of the run is taken away: made again"
}

replaced() {
    begin fast 0 replaced
    kill -STOP "$job" # or it makes the folder again in between
    mv replaced replaced-gone
    : >replaced
    kill -CONT "$job"
    warned 'replaced.*(File exists|Not a directory)'
    stop 74
    expect_text err '^shardnet: error: .*replaced'
    expect_no_text err 'created again'
    run=replaced-gone
    rm -f "$run"/*.tmp "$run"/checkpoints/*.tmp # the folder may have gone amid a write
    good
    checked "the folder becomes a file: exit 74 at the last checkpoint"
}

# --- metrics that are damaged

damaged() {
    local end=$((SECONDS + limit))
    begin fast 0 damaged
    until grep -q 'warning: metrics .*damaged; moved to metrics\.h5\.damaged; a new file' err; do
        echo 'no HDF5 file' >other # again and again: the run may be about to replace it
        mv other damaged/metrics.h5
        ((SECONDS < end)) || wrong "no warning of damaged metrics within $limit s"
        sleep 0.05
    done
    [ "$(cat damaged/metrics.h5.damaged)" = 'no HDF5 file' ] || wrong "not what was put there"
    recovers
    stop 75
    good
    checked "metrics damaged during the run: moved, with a warning"
}

# --- a folder that this user may not write

forbidden() {
    obey_permissions
    begin slow "$1" run
    chmod a-w run run/checkpoints
    warned 'run/checkpoints/.*Permission denied'
    warned 'run/metrics\.h5.*Permission denied'
    chmod u+w run run/checkpoints
    recovers
    stop 75
    rm -f run/*.tmp run/checkpoints/*.tmp # which may have been written when permission ended
    good
    begin slow "$1" run
    chmod a-w run run/checkpoints
    stop 74
    expect_text err '^shardnet: error: .*run/checkpoints/.*Permission denied'
    chmod u+w run run/checkpoints
    rm -f run/*.tmp run/checkpoints/*.tmp # which may have been written when permission ended
    good
    checked "a folder without permission to write (mpirun -n $1)"
}

# --- a full, and a read-only file system

disk() {
    mkdir disk
    mount -t tmpfs -o size=8m none disk
    trap 'umount -l "$scratch/disk" 2>/dev/null || true; clean_up' EXIT
}

disk_is_full() {
    [ "$(df --output=avail disk | tail -n 1)" -eq 0 ]
}

# fill: leaves no room, also where the run removes a file; empty ends that
fill() {
    (while cat /dev/zero >>disk/filler 2>/dev/null || sleep 0.01; do :; done) &
    filler=$!
    wait_until "the disk is not full" disk_is_full
}

empty() {
    kill_tree "$filler"
    wait "$filler" 2>/dev/null || true
    rm disk/filler
}

full() {
    disk
    begin slow 2 disk/run
    fill
    warned 'disk/run/checkpoints/.*No space left'
    warned 'disk/run/metrics\.h5.*No space left'
    empty
    recovers
    stop 75
    good
    begin slow 2 disk/run
    fill
    stop 74
    expect_text err '^shardnet: error: .*disk/run/.*No space left'
    empty
    good
    checked "a full file system"
}

# remount rw|ro
remount() {
    wait_until "no remount" mount -o "remount,$1" none disk 2>mount-err # busy while a file is open
}

read_only() {
    disk
    begin slow 2 disk/run
    remount ro
    warned 'disk/run/checkpoints/.*Read-only'
    warned 'disk/run/metrics\.h5.*Read-only'
    remount rw
    recovers
    stop 75
    good
    begin slow 2 disk/run
    remount ro
    stop 74
    expect_text err '^shardnet: error: .*disk/run/.*Read-only'
    remount rw
    good
    checked "a file system that becomes read-only"
}

unmounted() {
    disk
    begin slow 0 disk/run
    umount -l disk
    warned 'run \(disk/run\): .*disappeared'
    recovers
    stop 75
    good
    checked "a file system that is taken away"
}

if [ "$sanitized" = no ]; then # the sanitizers' own memory must not be limited
    apart no_memory
fi
for ranks in 0 2; do
    apart limit_in_run $ranks
    apart limit_from_start $ranks
    apart forbidden $ranks
done
if [ -n "${STORAGE_TEST_MOUNTS-}" ]; then
    for check in full read_only unmounted; do
        apart $check
    done
fi
for check in best_retried best_lost vanishes replaced damaged; do
    apart $check
done
together
if [ -z "${STORAGE_TEST_MOUNTS-}" ]; then
    lack_part "a full and a read-only file system: this user and kernel allow no mount"
fi
