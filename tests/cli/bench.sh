#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# bench: its tables and its JSON on one and two ranks, and its refusals.  No figure is compared
# with a threshold: a timing is never a test.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

# bench omits the short batch at the end of an epoch, and repeats these few epochs
write_config small.ini data.source=synthetic data.train_limit=500 model.hidden=16,8 \
    model.activation=relu model.dropout_hidden=0.2 optimizer.l2=1e-5 train.epochs=2 train.batch=64
short=(--seconds 0.02 --repeats 2) # the warm-up takes longer

# files: prints all files but the output of the last command
files() {
    find . -mindepth 1 ! -name out ! -name err | sort
}
before=$(files)

# --- tables

for ranks in 0 2; do
    expect_mpi_exit 0 $ranks "$program" bench small.ini "${short[@]}"
    [ ! -s err ] || wrong "a good bench writes to stderr"
    [ "$(grep -c '^ranks ' out)" -eq 1 ] || wrong "the header is not printed once"
    expect_text out '^model +784-16-8-10, relu'
    expect_text out '^batch +64 images, products of (64|32) rows on rank 0; 2 repeats of [0-9]+ steps'
    for part in gather forward backward reduce update other step; do
        expect_text out "^$part +([0-9.]+ +){3}[0-9.]+ %"
    done
    awk '/ %/ && $1 ~ /^(gather|forward|backward|reduce|update|other)$/ { sum += $5 }
         END { exit !(sum > 99 && sum < 101) }' out || wrong "the shares are not 100 % together"
    for limit_line in '^products .* us' '^large product .* GFLOP/s' '^triad .* GB/s' \
        '^speed +[0-9]+ images/s, [0-9.]+ GFLOP/s' '^efficiency +[0-9.]+ %' \
        '^costs most +[a-z]+, '; do
        expect_text out "$limit_line"
    done
    if [ $ranks -eq 2 ]; then
        expect_text out '^allreduce .* us'
    else
        expect_no_text out '^allreduce'
    fi
    checked "tables (mpirun -n $ranks)"
done

# --- JSON

cat >check.py <<'PYTHON'
import json, sys

text, ranks = open(sys.argv[1]).read(), int(sys.argv[2])
assert text.count("\n") == 1, "not one line"
r = json.loads(text)
assert r["ranks"] == ranks and r["model_widths"] == [784, 16, 8, 10], "wrong job"
assert r["reduce"] == "overlap"
assert r["batch_images"] == 64 and r["repeats"] == 2 and r["steps_per_repeat"] >= 1
assert r["product_flop_per_step"] == 2 * 64 * (2 * 784 * 16 + 3 * 16 * 8 + 3 * 8 * 10)
assert r["message_bytes"] >= 4 * r["parameters"]
names = ["gather", "forward", "backward", "reduce", "update", "other"]
for name, f in r.items():
    if isinstance(f, dict):
        assert f["min"] <= f["median"] <= f["max"], name
        assert f["min"] <= f["mean"] * (1 + 1e-6) and f["mean"] <= f["max"] * (1 + 1e-6), name
step = r["step_seconds"]["mean"]
parts = sum(r[name + "_seconds"]["mean"] for name in names)
assert step > 0 and abs(parts - step) <= 0.05 * step, (parts, step)
products = r["forward_products_seconds"]["mean"] + r["backward_products_seconds"]["mean"]
assert abs(products - r["products_seconds"]["mean"]) <= 1e-6 * products
for name in ("large_product_gflop_per_second", "triad_gigabytes_per_second",
             "efficiency_ratio"):
    assert r[name]["min"] > 0, name
ratio, slack = r["efficiency_ratio"], 1 + 1e-4
spent, whole = r["products_seconds"], r["step_seconds"]
assert spent["min"] / whole["max"] <= ratio["min"] * slack, ratio
assert ratio["max"] <= spent["max"] / whole["min"] * slack, ratio
assert (r["allreduce_seconds"]["min"] > 0) == (ranks > 1)
assert r["images_per_second"] > 0 and r["gflop_per_second"] > 0
assert r["costs_most"] in names and len(r["notes"]) <= 3
PYTHON
for ranks in 0 1 2; do
    # --no-others is accepted for compatibility
    expect_mpi_exit 0 $ranks "$program" bench small.ini "${short[@]}" --json --no-others \
        --set comm.reduce=overlap
    [ ! -s err ] || wrong "a good bench writes to stderr"
    cp out "bench-$ranks.json"
    expect_exit 0 python3 check.py "bench-$ranks.json" $((ranks > 1 ? ranks : 1))
    checked "--json: one object, parts that sum to the step (mpirun -n $ranks)"
done

expect_mpi_exit 0 2 "$program" bench small.ini "${short[@]}" --set comm.reduce=reproducible \
    --set comm.leaves=4
expect_text out '^batch +64 images, products of 16 rows'
expect_text out '^allreduce '
checked "the reproducible sum"
expect_mpi_exit 0 3 "$program" bench small.ini "${short[@]}" --json --set train.batch=2
checked "a rank without samples"
expect_exit 0 "$program" bench small.ini "${short[@]}" --set train.batch=1000 \
    --set augment.kind=affine
expect_text out '^batch +500 images'
checked "a batch larger than the data set; distortions"

# --- refusals

# refused N CODE PATTERN WHAT ARGUMENT...: on N ranks, 0 for no mpirun
refused() {
    beside refused_on "$@"
}
refused_on() {
    expect_one_line_error "$2" "$1" "$3" "$program" bench "${@:5}"
    checked "$4 (mpirun -n $1): exit $2"
}
refused 0 64 'missing argument \(CONFIG\)' "missing CONFIG"
refused 0 64 'too many arguments' "two configurations" small.ini small.ini
refused 0 64 'missing value \(--seconds\)' "--seconds without a value" small.ini --seconds
refused 0 64 "--seconds soon\)" "--seconds that is no number" small.ini --seconds soon
refused 0 64 "--seconds nan\)" "--seconds nan" small.ini --seconds nan
refused 0 64 "--repeats 0\)" "--repeats out of range" small.ini --repeats 0
refused 0 64 "--repeats 1.5\)" "--repeats in halves" small.ini --repeats 1.5
for ranks in 0 2; do
    refused $ranks 64 'unknown option \(--fast\)' "unknown option" small.ini --fast
    refused $ranks 78 "unknown key" "unknown key" small.ini --set train.epoch=3
    refused $ranks 66 "absent\.ini" "missing configuration file" absent.ini
    refused $ranks 76 "bench: training diverged" "divergence" small.ini "${short[@]}" \
        --set optimizer.learning_rate=1e6 --set optimizer.l2=1
done
together

rm -f check.py bench-?.json
[ "$(files)" = "$before" ] || wrong "bench leaves files: $(files)"
checked "no file is left"
