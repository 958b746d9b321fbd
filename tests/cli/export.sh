#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Other programs predict with an exported network exactly as eval and predict do.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
if [ -n "$mnist" ]; then
    mnist=$(absolute "$mnist")
fi
venv=$(dirname -- "$program")/python/export
cd -- "$scratch"

# install_packages: an environment with the packages of PyPI, kept in the build folder, in
# $python; returns 1 where they cannot be installed
install_packages() {
    python=$venv/bin/python
    if [ ! -e "$venv/installed" ]; then
        rm -rf "$venv"
        mkdir -p "${venv%/*}"
        run python3 -m venv "$venv"
        if [ "$code" -ne 0 ]; then
            skip_part "exported files: no environment of Python's venv (Debian: python3-venv)"
            return 1
        fi
        if ! download "$python" -m pip install --quiet --disable-pip-version-check \
            --only-binary :all: numpy onnx onnxruntime safetensors; then
            lack_part "exported files: pip installs no onnx, onnxruntime, safetensors: $(tail -n 1 err)"
            return 1
        fi
        : >"$venv/installed"
    fi
}

# same_predictions "FORMAT..." IMAGES LABELS RUN...: ONNX Runtime and NumPy predict as eval and
# predict do
same_predictions() {
    local correct format
    expect_exit 0 "$program" eval "${@:4}"
    correct=$(sed -n 's/^test: .*(\(.*\) correct).*/\1/p' out)
    expect_exit 0 "$program" predict "${@:4}" -- "$2"
    mv out predictions
    for format in $1; do
        expect_exit 0 "$program" export "${@:4}" -o "exported.$format"
        expect_exit 0 "$python" "$source_root/tests/cli/read_export.py" "exported.$format" "$2" "$3" predictions
        expect_text out "^correct $correct\$"
    done
    checked "${*:4}: $1 predict as eval, $correct, and as predict for every image"
}

expect_exit 0 "$program" data synth set --train 1000 --test 300
for activation in tanh lecun_tanh sigmoid relu; do
    write_config $activation.ini data.source=idx data.dir="$scratch/set" model.hidden=24,16 \
        model.activation=$activation train.epochs=3 train.batch=20
    expect_exit 0 "$program" train $activation.ini --out $activation
done

# --- the command

expect_exit 0 "$program" export relu --output net.onnx
expect_text out '^net\.onnx$'
expect_text out "^checkpoint $(newest_checkpoint relu): epoch 3, step 150\$"
cp net.onnx first.onnx
expect_exit 0 "$program" export relu --format onnx -o net.onnx
cmp -s net.onnx first.onnx || wrong "another export has other bytes"
expect_exit 0 "$program" export relu --format safetensors -o net
size=$((8 + $(od -An -tu8 -N 8 net) + 4 * (784 * 24 + 24 + 24 * 16 + 16 + 16 * 10 + 10)))
[ "$(wc -c <net)" -eq "$size" ] || wrong "net has $(wc -c <net) bytes instead of $size"
head -c 2000 net | grep -aqF '"network":"784-24-16-10","activation":"relu"' || wrong "no network in the header"
first=$(printf '%s\n' relu/checkpoints/step-*.h5 | head -n 1)
expect_exit 0 "$program" export relu -o older.onnx --checkpoint "$first"
! cmp -s net.onnx older.onnx || wrong "--checkpoint is ignored"
checked "export of a result and of a checkpoint, twice the same bytes"

# refused CODE PATTERN ARGUMENT...: one line, and no new file
refused() {
    : >before
    find . | sort >before
    expect_one_line_error "$1" 0 "$2" "$program" export "${@:3}"
    find . | sort | diff before - >out || wrong "another file: $(cat out)"
}
refused 64 'missing option \(-o FILE\)|missing.*output' relu
refused 64 'unknown format \(net\.pt\).*--format' relu -o net.pt
refused 64 'onyx' relu -o net.pt --format onyx
refused 66 'nowhere' nowhere -o new.onnx
expect_exit 0 "$program" train tanh.ini --out narrow --set data.width=9 --set train.epochs=1
refused 78 'cannot export \(narrow/.*\): data\.width = 9' tanh narrow -o two.onnx
refused 64 'safetensors holds one network \(two\.safetensors\)' relu tanh -o two.safetensors
refused 65 'relu.ini' relu.ini -o new.onnx
refused 73 'cannot create \(set\): it is a folder' relu --format onnx -o set
mkfifo pipe
refused 73 'cannot create \(pipe\): it is a device or a pipe' relu --format onnx -o pipe
[ -p pipe ] || wrong "export replaces a pipe"
refused 73 'absent/new\.onnx' relu -o absent/new.onnx
checked "wrong command line 64, no run 66, no checkpoint 65, no output 73; no file is left behind"

for format in onnx safetensors; do
    expect_one_line_error 74 0 "cannot write \(large\.$format\.tmp\)" \
        bash -c 'ulimit -f 16 && exec "$@"' - "$program" export relu -o large.$format
    [ ! -e large.$format ] && [ ! -e large.$format.tmp ] || wrong "a part of large.$format is left"
done
checked "a file that cannot be written: exit 74, and no file"

# --- other programs

# the lines for PyTorch in src/README.md
write_config article.ini data.source=idx data.dir="$scratch/set" model.hidden=30 train.epochs=3
expect_exit 0 "$program" train article.ini --out article
expect_exit 0 "$program" export article -o article.safetensors
expect_exit 0 "$program" predict article set/t10k-images-idx3-ubyte
cut -f 3 out >classes
awk '$0 == "```" { inside = 0 } inside; $0 == "```python" { inside = 1 }' "$source_root/src/README.md" |
    sed "s|^images = .*|import numpy\nimages = torch.from_numpy(numpy.fromfile('set/t10k-images-idx3-ubyte', 'u1')[16:].reshape(-1, 784) / numpy.float32(255))|" >lines.py
cat >>lines.py <<'END'
with open("classes.torch", "w") as file:
    print(*net(images).argmax(dim=1).tolist(), sep="\n", file=file)
END
for python in "${PYTHON:-python3}" python3; do
    if "$python" -c 'import torch, safetensors, numpy' 2>err; then
        expect_exit 0 "$python" lines.py
        cmp classes classes.torch >out || wrong "PyTorch predicts otherwise"
        checked "the PyTorch lines of src/README.md predict as the program"
        break
    fi
done
[ -e classes.torch ] || lack_part "the PyTorch lines of src/README.md: no python3 with torch and safetensors; set PYTHON"

if install_packages; then
    for activation in tanh lecun_tanh sigmoid relu; do
        same_predictions "onnx safetensors" set/t10k-images-idx3-ubyte set/t10k-labels-idx1-ubyte $activation
    done
    same_predictions onnx set/t10k-images-idx3-ubyte set/t10k-labels-idx1-ubyte tanh lecun_tanh relu
    if [ -n "$mnist" ]; then
        expect_exit 0 env SHARDNET_DATA="$mnist" "$program" train "$source_root/configs/article.ini" \
            --set train.epochs=3 --out mnist
        expect_exit 0 env SHARDNET_DATA="$mnist" "$program" train "$source_root/configs/article.ini" \
            --set train.epochs=2 --set train.seed=2 --set model.activation=relu --out mnist-2
        images=("$mnist"/t10k-images-idx3-ubyte*) labels=("$mnist"/t10k-labels-idx1-ubyte*)
        same_predictions "onnx safetensors" "${images[0]}" "${labels[0]}" mnist
        same_predictions onnx "${images[0]}" "${labels[0]}" mnist mnist-2
    else
        lack_part "MNIST: SHARDNET_DATA is not set"
    fi
fi
