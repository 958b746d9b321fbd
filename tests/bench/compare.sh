#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# shardnet against PyTorch on the same cores, in one go: the same network, global batch,
# precision and number of updates, run in turn, the ratio taken within each round.
#
#     tests/bench/compare.sh [HIDDEN [ACTIVATION [BATCH [EPOCHS [ROUNDS]]]]]
#     tests/bench/compare.sh 30 tanh 64 4 5
#     tests/bench/compare.sh 1024,1024,1024 relu 1024 1 5
#
# SHARDNET_DATA names the folder of MNIST.  PYTHON is a python3 with torch (default: python3);
# RANKS the ranks of shardnet and of DistributedDataParallel (default: all cores); SETTINGS
# what train gets beside the model (default: nothing); PRECISION fp32 (default) or bf16, which PyTorch then runs under
# autocast.  The release preset must be built.  Images/s are of the training loop,
# start-up and evaluation apart.
set -euo pipefail
# shellcheck source=../../jobs/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../../jobs/common.sh"
here=$source_root/tests/bench

hidden=${1-30} activation=${2-tanh} batch=${3-64} epochs=${4-4} rounds=${5-5}
read -ra settings <<<"${SETTINGS-}"
python=${PYTHON-python3}
precision=${PRECISION-fp32}
ranks=${RANKS-$(cores)}
data=$(absolute "${SHARDNET_DATA:?names the folder of MNIST}")
program=$source_root/build/release/shardnet
[ -x "$program" ] || fail 69 "build/release/shardnet is missing: cmake --preset release && cmake --build --preset release"
"$python" -c 'import torch' 2>/dev/null || fail 69 "$python has no torch; set PYTHON"
allow_mpirun_as_root
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
: >"$scratch/empty.ini"
model=(--data "$data" --hidden "$hidden" --activation "$activation" --batch "$batch" --epochs "$epochs")
case $precision in
fp32) ;;
bf16) model+=(--bf16) ;;
*) fail 64 "PRECISION is fp32 or bf16, not $precision" ;;
esac

ours() {
    rm -rf -- "$scratch/run"
    "$(mpirun_of "$source_root/build/release")" -n "$ranks" "$program" train "$scratch/empty.ini" \
        --set data.dir="$data" --set model.hidden="$hidden" --set model.activation="$activation" \
        --set train.batch="$batch" --set train.epochs="$epochs" --set train.eval_every="$epochs" \
        --set compute.precision="$precision" --set optimizer.learning_rate=0.01 "${settings[@]}" --quiet --out "$scratch/run" |
        sed -n 's/^time.*; \([0-9]*\) images\/s.*/\1/p'
}
torch_alone() { "$python" "$here/torch_mlp.py" "${model[@]}"; }
torch_ddp() {
    OMP_NUM_THREADS=$(($(cores) / ranks)) "$python" -m torch.distributed.run \
        --nproc-per-node "$ranks" "$here/torch_mlp.py" "${model[@]}" --ddp 2>"$scratch/ddp.err" ||
        { cat "$scratch/ddp.err" >&2 && false; }
}

ours >/dev/null # files into the page cache
for ((round = 1; round <= rounds; round++)); do
    printf '%s %s %s\n' "$(ours)" "$(torch_alone)" "$(torch_ddp)" | tee -a "$scratch/rounds" >&2
done

echo "784-${hidden//,/-}-10, $activation, batch $batch, $epochs epochs, $precision, $rounds rounds, $ranks ranks"
echo "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1), $(processors) processors; PyTorch $("$python" -c 'import torch; print(torch.__version__)')"
awk '
    function spread(values, n,   i, j, t) {
        for (i = 2; i <= n; i++) for (j = i; j > 1 && values[j] < values[j-1]; j--) {
            t = values[j]; values[j] = values[j-1]; values[j-1] = t }
        return sprintf("%12.4g %12.4g %12.4g", values[int((n + 1) / 2)], values[1], values[n])
    }
    { a[NR] = $1; b[NR] = $2; c[NR] = $3; r[NR] = $1 / $2; s[NR] = $1 / $3 }
    END {
        printf "%-34s %12s %12s %12s\n", "", "median", "min", "max"
        printf "%-34s %s\n", "shardnet, images/s", spread(a, NR)
        printf "%-34s %s\n", "PyTorch, one process, images/s", spread(b, NR)
        printf "%-34s %s\n", "PyTorch, DDP over gloo, images/s", spread(c, NR)
        printf "%-34s %s\n", "shardnet / PyTorch one process", spread(r, NR)
        printf "%-34s %s\n", "shardnet / PyTorch DDP", spread(s, NR)
    }' "$scratch/rounds"
