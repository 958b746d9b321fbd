#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# compute.precision: bf16 where the build and the processor have it, refused in one line
# elsewhere; bf16_emulated learns as fp32 does, resumes bit for bit and sums reproducibly.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

expect_exit 0 "$program" data synth digits --train 1500 --test 500
write_config small.ini data.source=idx data.dir="$scratch/digits" model.hidden=40 \
    model.dropout_hidden=0.1 model.max_norm=3 optimizer.learning_rate=0.05 train.epochs=3 \
    train.batch=77 checkpoint.keep=9
emulated=(--set compute.precision=bf16_emulated)

expect_exit 0 "$program" train --help-config
expect_text out '^ +fp32 \| bf16 \| bf16_emulated$'
expect_one_line_error 78 0 "'bf17' is not one of fp32, bf16, bf16_emulated" \
    "$program" train small.ini --out none --set compute.precision=bf17

# near A B: the training loss of every epoch differs, but by less than 2 %
near() {
    paste -d, <(table "$1" epochs train_loss) <(table "$2" epochs train_loss) | awk -F, '
        NR > 1 { rows++; d = ($1 - $2) / $1; if (d < 0) d = -d; if (d > worst) worst = d }
        END { printf "%.1e\n", worst; exit !(rows == 3 && worst > 1e-7 && worst < 0.02) }' >worst ||
        wrong "the losses of $1 and $2 differ by $(cat worst) relative"
}

# setting RUN KEY: prints the value of a key in RUN/config.ini
setting() {
    sed -n "s/^$2 = //p" "$1/config.ini"
}

expect_exit 0 "$program" train small.ini --out plain
expect_no_text out '^operands '
expect_exit 0 "$program" train small.ini --out emulated "${emulated[@]}"
expect_text out '^operands +bf16 .*emulated'
[ "$(setting emulated precision)" = bf16_emulated ] || wrong "config.ini does not tell the precision"
near plain emulated
table emulated epochs test_error | awk 'NR == 4 { good = $1 < 0.2 } END { exit !good }' ||
    wrong "does not learn: $(table emulated epochs test_error)"
checked "bf16_emulated: learns, losses within $(cat worst) of fp32's"

# --- bf16: by the processor, as the kernel names its instructions, or pretended

run "$program" train small.ini --out probe --set compute.backend=onednn --set train.epochs=1
onednn=$((code == 0))
pretender=$(dirname -- "$program")/tests/libpretend_bf16.so
ways=() missing=(env)
named='AVX512-BF16 or AMX, not supported by this CPU'
if [ $onednn -eq 0 ]; then
    named='oneDNN, not part of this build'
elif grep -Eqw 'avx512_bf16|amx_bf16' /proc/cpuinfo; then
    ways=(env)
    missing=(env ONEDNN_MAX_CPU_ISA=AVX2)
elif [ -e "$pretender" ]; then
    ways=(env "LD_PRELOAD=$pretender")
fi
if [ ${#ways[@]} -gt 0 ]; then
    ways+=("$program" train small.ini --set compute.precision=bf16)
    expect_exit 0 "${ways[@]}" --out bf16
    expect_text out '^operands +bf16 .*(AMX|AVX512-BF16)'
    near plain bf16
    expect_exit 75 "${ways[@]}" --out bf16-again --set train.max_steps=27
    expect_exit 0 "${ways[@]}" --out bf16-again --resume
    same_run bf16 bf16-again
    expect_mpi_exit 0 2 "${ways[@]}" --out bf16-overlap --set comm.reduce=overlap \
        --set comm.bucket_kib=16 --set compute.backend=auto
    near plain bf16-overlap
    checked "bf16 (${ways[*]:0:2}): near fp32's losses; stopped and resumed, the same bytes; overlap"
else
    lack_part "bf16 itself: neither this processor nor this build computes it"
fi
for ranks in 0 3; do
    expect_one_line_error 78 $ranks "precision.*$(hostname).*bf16 needs .*$named.*fp32.*bf16_emulated" \
        "${missing[@]}" "$program" train small.ini --out none --set compute.precision=bf16
done
[ ! -e none ] || wrong "a refused run left a folder"
checked "bf16 is refused, naming what is missing: exit 78 without mpirun and on 3 ranks"

# --- resume, also with another precision

expect_exit 75 "$program" train small.ini --out again "${emulated[@]}" --set train.max_steps=27
cp -R again changed
expect_exit 0 "$program" train small.ini --out again "${emulated[@]}" --resume
same_run emulated again
checked "stopped and resumed, the same bytes"
expect_exit 0 "$program" train small.ini --out changed --resume
[ "$(setting changed precision)" = fp32 ] || wrong "a resumed run keeps the former precision"
near emulated changed
checked "a resumed run has the precision of its configuration"

# --- ways of summing and libraries

expect_mpi_exit 0 2 "$program" train small.ini --out overlap "${emulated[@]}" \
    --set comm.reduce=overlap --set comm.bucket_kib=16 --set compute.backend=auto
near plain overlap
checked "overlap, backend auto ($(setting overlap backend)): losses within $(cat worst) of fp32's"
fixed=("${emulated[@]}" --set comm.reduce=reproducible --set comm.leaves=4)
for ranks in 0 2 3; do
    expect_mpi_exit 0 $ranks "$program" train small.ini --out fixed-$ranks "${fixed[@]}"
done
for ranks in 2 3; do
    same_parameters "$(newest_checkpoint fixed-0)" "$(newest_checkpoint fixed-$ranks)"
done
near plain fixed-0
checked "reproducible: the same bytes on 1, 2 and 3 ranks"

expect_exit 0 "$program" bench small.ini --seconds 0.02 --repeats 1 "${emulated[@]}"
expect_text out '^operands +bf16'
expect_text out '^products +[0-9.]+ .* us'
checked "bench"
