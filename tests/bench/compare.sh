#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Compares shardnet with PyTorch and JAX on the same cores.  They train in turn, with the same
# network, global batch, precision and number of updates; ratios are taken within each round.
#
#     tests/bench/compare.sh [HIDDEN [ACTIVATION [BATCH [EPOCHS [ROUNDS]]]]]
#     tests/bench/compare.sh 30 tanh 64 4 5
#     tests/bench/compare.sh 1024,1024,1024 relu 1024 1 5
#
# Variables:
#   SHARDNET_DATA  the folder of MNIST
#   PYTHON         a python3 with torch and jax  (default: python3)
#   PEERS          the peers  (default: "torch compile ddp jax"): PyTorch in one process, the
#                  same with torch.compile, DistributedDataParallel over gloo, and JAX
#   RANKS          ranks of shardnet and DistributedDataParallel  (default: all cores)
#   SETTINGS       more arguments of train  (default: none)
#   PRECISION      fp32 (default) or bf16; then PyTorch runs under autocast, and JAX
#                  multiplies bfloat16 matrices
#
# The release preset must be built.  Images/s do not count start-up and evaluation.
set -euo pipefail
# shellcheck source=../../jobs/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../../jobs/common.sh"
here=$source_root/tests/bench

hidden=${1-30} activation=${2-tanh} batch=${3-64} epochs=${4-4} rounds=${5-5}
read -ra settings <<<"${SETTINGS-}"
read -ra peers <<<"${PEERS-torch compile ddp jax}"
python=${PYTHON-python3}
precision=${PRECISION-fp32}
ranks=${RANKS-$(cores)}
data=$(absolute "${SHARDNET_DATA:?names the folder of MNIST}")
program=$source_root/build/release/shardnet
[ -x "$program" ] || fail 69 "build/release/shardnet is missing: cmake --preset release && cmake --build --preset release"
for peer in "${peers[@]}"; do
    case $peer in
    torch | compile | ddp) module=torch ;;
    jax) module=jax ;;
    *) fail 64 "PEERS has the words torch, compile, ddp and jax, not $peer" ;;
    esac
    "$python" -c "import $module" 2>/dev/null || fail 69 "$python has no $module; set PYTHON or PEERS"
done
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
run_peer() {
    case $1 in
    torch) "$python" "$here/torch_mlp.py" "${model[@]}" ;;
    compile) "$python" "$here/torch_mlp.py" "${model[@]}" --compile ;;
    ddp)
        OMP_NUM_THREADS=$(($(cores) / ranks)) "$python" -m torch.distributed.run \
            --nproc-per-node "$ranks" "$here/torch_mlp.py" "${model[@]}" --ddp
        ;;
    jax) "$python" "$here/jax_mlp.py" "${model[@]}" ;;
    esac 2>"$scratch/peer.err" || { cat "$scratch/peer.err" >&2 && false; }
}

ours >/dev/null # files into the page cache
for ((round = 1; round <= rounds; round++)); do
    line=$(ours)
    for peer in "${peers[@]}"; do
        line+=" $(run_peer "$peer")"
    done
    echo "$line" | tee -a "$scratch/rounds" >&2
done

echo "784-${hidden//,/-}-10, $activation, batch $batch, $epochs epochs, $precision, $rounds rounds, $ranks ranks"
echo "$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1), $(processors) processors; $("$python" -c '
import importlib.metadata as m
print(", ".join(d.name + " " + d.version for d in m.distributions() if d.name in ("torch", "jax")))')"
awk -v peers="shardnet ${peers[*]}" '
    function spread(values, n,   i, j, t) {
        for (i = 2; i <= n; i++) for (j = i; j > 1 && values[j] < values[j-1]; j--) {
            t = values[j]; values[j] = values[j-1]; values[j-1] = t }
        return sprintf("%12.4g %12.4g %12.4g", (values[int((n + 1) / 2)] + values[int((n + 2) / 2)]) / 2, values[1], values[n])
    }
    { for (i = 1; i <= NF; i++) rate[i, NR] = $i }
    END {
        count = split(peers, name, " ")
        printf "%-34s %12s %12s %12s\n", "", "median", "min", "max"
        for (i = 1; i <= count; i++) {
            for (k = 1; k <= NR; k++) v[k] = rate[i, k]
            printf "%-34s %s\n", name[i] ", images/s", spread(v, NR)
        }
        for (i = 2; i <= count; i++) {
            for (k = 1; k <= NR; k++) v[k] = rate[1, k] / rate[i, k]
            printf "%-34s %s\n", "shardnet / " name[i], spread(v, NR)
        }
    }' "$scratch/rounds"
