#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# plan predicts without data and without a job, from rates that are given or measured.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

write_config mnist.ini data.source=mnist data.validation=5000 model.hidden=30 train.batch=64
given=(--gflops 10 --memory-gbyte 8 --latency-us 5 --bandwidth-gbit 4)

# value NAME COLUMN: prints a value of the table in out
value() {
    awk -v name="$1" -v column="$2" 'index($0, name) == 1 {
        $0 = substr($0, length(name) + 1); print $column; exit }' out
}

# is NAME COLUMN NUMBER: within a hundredth
is() {
    awk -v found="$(value "$1" "$2")" -v wanted="$3" 'BEGIN {
        d = found - wanted; exit !(found != "" && d * d <= 1e-4 * wanted * wanted) }' ||
        wrong "'$1' is $(value "$1" "$2") in column $2 instead of $3"
}

# --- given rates

expect_exit 0 "$program" plan mnist.ini "${given[@]}" --ranks 1 --ranks 4 --ranks 100 --ranks-per-node 2
[ ! -s err ] || wrong "a good plan writes to stderr"
expect_text out '^model +784-30-10, tanh, 23860 parameters$'
expect_text out '^data +training on 55000 of 60000 images, 10000 test images, 28 x 28$'
expect_text out '^updates +860 per epoch, of up to 64 images$'
expect_text out '^step +0\.006136 GFLOP in matrix products, gradient buffer of [0-9]+ bytes$'
expect_text out '^rates +1 thread per rank; compute as given, memory 8 GB/s as given; network between nodes 5 us, 4 Gbit/s$'
expect_text out '^note +100 ranks: 36 of them have no image in a batch of 64'
bytes=$(sed -n 's/.*gradient buffer of \([0-9]*\) bytes/\1/p' out)
is 'ranks' 3 100
is 'largest shard, images' 2 16
is 'smallest shard, images' 3 0
is '  compute' 1 0.6136
is '  compute' 2 0.1534
is '  gather' 2 "$(awk 'BEGIN { print 5 * 16 * 784 / 8e6 }')"
is '  reduction' 1 0
inside=$(awk -v n="$bytes" 'BEGIN { print 2e-3 + n / (8e6 / 3) }')
between=$(awk -v n="$bytes" 'BEGIN { print 2 * 5e-3 + n / 5e5 }')
is '  reduction' 2 "$(awk -v a="$inside" -v b="$between" 'BEGIN { print a + b }')"
is '  reduction, between nodes' 1 0
is '  reduction, between nodes' 2 "$between"
is 'images/s' 1 "$(awk -v t="$(value '  total' 1)" -v u="$(sed -n '/^predicted/,$p' out |
    awk '$1 == "total" { print $2 }')" 'BEGIN { print 64 / u * 1e3 }')"
is '  data set, one copy' 1 "$(awk 'BEGIN { print 70000 * 785 / 1048576 }')"
checked "model, shards, gradient buffer and times without data files, by given rates"

expect_exit 0 "$program" plan mnist.ini "${given[@]}" --ranks 8 --set comm.reduce=overlap
awk '$1 == "reduction," && $2 == "hidden" { found = $4 > 0 } END { exit !found }' out || wrong "nothing is hidden"
expect_exit 0 "$program" plan mnist.ini "${given[@]}" --ranks 8 --ranks-per-node 1 --tcp-gbyte 0.5
is '  reduction, work of the core' 1 "$(awk -v n="$bytes" 'BEGIN { print 1.75 * n / 5e5 }')"
is '  best epoch, not yet written' 1 "$(value '  copy of the state' 1)"
expect_exit 0 "$program" plan mnist.ini "${given[@]}" --ranks 16 --set comm.reduce=reproducible \
    --set augment.kind=affine
expect_text out '^note +16 ranks: train refuses more ranks than comm\.leaves = 8'
expect_text out '^note +these times do not include distortions'
checked "reduce = overlap, reduce = reproducible, distortions"

expect_exit 0 "$program" plan mnist.ini "${given[@]}" --ranks 64 --ranks 128 --ranks-per-node 64
[ "$(value '  reduction, between nodes' 1)" = 0 ] || wrong "one node uses the network"
awk '$1 == "reduction" { exit !($3 > $2) }' out || wrong "a second node makes the reduction shorter"
checked "a second node adds the time of the network"

# --- measured rates

expect_exit 0 "$program" plan mnist.ini --ranks 64 --ranks 128 --ranks 1000 --ranks-per-node 64
for row in '  compute' '  gather' '  update' 'compute, GFLOP/s per rank'; do
    if [ -z "$(value "$row" 1)" ] || [ "$(value "$row" 1)" != "$(value "$row" 2)" ] ||
        [ "$(value "$row" 2)" != "$(value "$row" 3)" ]; then
        wrong "'$row' differs between ranks with a shard of one image"
    fi
done
checked "the same shard has the same time for any number of ranks"

before=$(ls)
expect_exit 0 "$program" plan mnist.ini --set model.dropout_hidden=0.5 --set model.dropout_input=0.2
expect_text out '^rates .* compute measured here, memory [0-9.e+]+ GB/s measured here'
expect_text out '^ranks +1 +2 +4 +8$'
awk '$1 == "total" && ++n == 3 { for (i = 2; i <= 5; i++) if (!($i > 0)) exit 1; found = 1 }
     END { exit !found }' out || wrong "no times"
[ "$before" = "$(ls)" ] || wrong "plan leaves files"
expect_mpi_exit 0 2 "$program" plan mnist.ini "${given[@]}"
[ "$(grep -c '^model ' out)" -eq 2 ] || wrong "not every task of a job plans"
checked "rates measured here; no file is written"

# --- data that is there, and a real run

expect_exit 0 "$program" data synth set --train 300 --test 50
write_config idx.ini data.source=idx data.dir=set model.hidden=40,20 train.epochs=1 train.batch=70
expect_exit 0 "$program" plan idx.ini "${given[@]}" --ranks 80
expect_text out '^data +training on 300 of 300 images, 50 test images, 28 x 28$'
expect_text out '^model +784-40-20-10, '
expect_text out '^updates +5 per epoch, of up to 70 images$'
planned=$(sed -n 's/^checkpoint  *about \([0-9.e+]*\) MB.*/\1/p' out)
expect_exit 0 "$program" train idx.ini --out run --quiet
stat -c %s "$(newest_checkpoint run)" | awk -v planned="$planned" '{ r = planned * 1e6 / $1
    exit !(r > 0.9 && r < 1.1) }' || wrong "a checkpoint of another size than $planned MB"
expect_exit 0 "$program" plan idx.ini "${given[@]}" --set data.dir=none
expect_text out '^data +training on 60000 .*; assumed: no files found$'
expect_exit 0 "$program" plan run/config.ini "${given[@]}"
checked "IDX files that are there, and that are not; the size of a real checkpoint"

# --- refusals

expect_one_line_error 64 0 'missing argument \(CONFIG\)' "$program" plan
expect_one_line_error 64 0 '--ranks 0\): it must be an integer' "$program" plan mnist.ini --ranks 0
expect_one_line_error 64 0 '--gflops many\): it must be a number' "$program" plan mnist.ini --gflops many
expect_one_line_error 64 0 'unknown option \(--what\)' "$program" plan mnist.ini --what
expect_one_line_error 66 0 'none\.ini' "$program" plan none.ini
expect_one_line_error 78 0 'colour' "$program" plan mnist.ini --set model.colour=red
expect_one_line_error 78 0 'no sample left to train on' "$program" plan mnist.ini "${given[@]}" \
    --set data.validation=60000
truncate -s 100 set/train-images-idx3-ubyte
expect_one_line_error 65 0 'train-images' "$program" plan idx.ini "${given[@]}"
checked "refusals: 64, 66, 78, and 65 for data that is damaged"
