#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# compute.backend and comm.reduce: every way gives the same losses within rounding and
# resumes bit for bit; auto follows a rule, and the run keeps what it chose.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

write_config small.ini data.source=synthetic data.train_limit=1500 model.hidden="40, 30" \
    model.dropout_hidden=0.2 train.epochs=2 train.batch=77 comm.bucket_kib=16 checkpoint.keep=9
backends=(openblas onednn)
run "$program" train small.ini --out probe --set compute.backend=onednn --set train.epochs=1
if [ "$code" -eq 78 ]; then
    expect_text err '^shardnet: error: .*no oneDNN.*libdnnl-dev'
    checked "a build without oneDNN refuses it"
    backends=(openblas)
elif [ "$code" -ne 0 ]; then
    wrong "exit code $code"
fi

# setting RUN KEY: prints the value of a key in RUN/config.ini
setting() {
    sed -n "s/^$2 = //p" "$1/config.ini"
}

expect_mpi_exit 0 1 "$program" train small.ini --out plain
declare -A ways_of=([openblas]="2-overlap 3-node" [onednn]="4-overlap 2-node")
for backend in "${backends[@]}"; do
    for ranks_reduce in ${ways_of[$backend]}; do
        ranks=${ranks_reduce%-*} reduce=${ranks_reduce#*-}
        ways=(--set "compute.backend=$backend" --set "comm.reduce=$reduce")
        name=$backend-$ranks-$reduce
        expect_mpi_exit 0 "$ranks" "$program" train small.ini --out "$name" "${ways[@]}"
        expect_text out "^reduce +$reduce\$"
        same_loss plain "$name"
        checked "$backend, $reduce, $ranks ranks: losses within $(cat worst) of the plain run's"
        expect_mpi_exit 75 "$ranks" "$program" train small.ini --out "$name-again" "${ways[@]}" \
            --set train.max_steps=27
        expect_mpi_exit 0 "$ranks" "$program" train small.ini --out "$name-again" "${ways[@]}" --resume
        same_run "$name" "$name-again"
        checked "$backend, $reduce, $ranks ranks: stopped and resumed, the same bytes"
    done
done
# rows fewer than ranks, and one rank with nothing to overlap
for reduce in overlap node; do
    for ranks in 1 3; do
        expect_mpi_exit 0 "$ranks" "$program" train small.ini --out "$reduce-$ranks" \
            --set train.batch=2 --set data.train_limit=51 --set "comm.reduce=$reduce"
    done
    same_loss $reduce-1 $reduce-3
    checked "$reduce, 3 ranks, batch 2: losses within $(cat worst) of 1 rank's"
done

# gradients rounded on their way: another result, the same quality, and it resumes
for reduce in allreduce overlap; do
    ways=(--set comm.wire=bf16 --set "comm.reduce=$reduce")
    expect_mpi_exit 0 3 "$program" train small.ini --out "bf16-$reduce" "${ways[@]}"
    table "bf16-$reduce" epochs train_loss >rounded
    table plain epochs train_loss >exact
    paste -d, exact rounded | awk -F, '
        NR > 1 { d = ($1 - $2) / $1; if (d < 0) d = -d; if (d > worst) worst = d }
        END { exit !(worst > 1e-7 && worst < 0.02) }' ||
        wrong "losses with bf16 on the wire: $(cat rounded), without: $(cat exact)"
    expect_mpi_exit 75 3 "$program" train small.ini --out "bf16-$reduce-again" "${ways[@]}" \
        --set train.max_steps=27
    expect_mpi_exit 0 3 "$program" train small.ini --out "bf16-$reduce-again" "${ways[@]}" --resume
    same_run "bf16-$reduce" "bf16-$reduce-again"
    checked "bf16 on the wire, $reduce: near the plain losses; stopped and resumed, the same bytes"
done
expect_one_line_error 78 2 'wire.*not reproducible' "$program" train small.ini --out none \
    --set comm.wire=bf16 --set comm.reduce=reproducible

# no key set: the rule chooses
expect_mpi_exit 75 2 "$program" train small.ini --out auto --set train.max_steps=27
expect_text out '^reduce +node \(auto\)$'
backend=${backends[-1]} # small layers: oneDNN, if the build has it
[ "$(setting auto backend)-$(setting auto reduce)" = "$backend-node" ] ||
    wrong "auto wrote backend = $(setting auto backend), reduce = $(setting auto reduce)"
expect_mpi_exit 0 2 "$program" train small.ini --out auto --resume
expect_text out '^reduce +node$'
expect_mpi_exit 0 2 "$program" train small.ini --out again
same_run again auto
expect_mpi_exit 0 2 "$program" train small.ini --out chosen --set "compute.backend=$backend" \
    --set comm.reduce=node
same_run chosen auto
expect_mpi_exit 0 2 "$program" train small.ini --out fixed --set comm.reduce=reproducible
[ "$(setting fixed backend)" = openblas ] || wrong "reproducible: backend = $(setting fixed backend)"
checked "auto: $backend; node on 2 ranks of one node, kept on resume; two starts give the same bytes"

# one rank has nothing to reduce, so the key stays auto for later invocations
expect_mpi_exit 75 1 "$program" train small.ini --out one --set train.max_steps=27
[ "$(setting one reduce)" = auto ] || wrong "one rank chose reduce = $(setting one reduce)"
expect_no_text out '^reduce '
expect_mpi_exit 0 2 "$program" train small.ini --out one --resume
expect_text out '^reduce +node \(auto\)$'
[ "$(setting one reduce)" = node ] || wrong "two ranks chose reduce = $(setting one reduce)"
checked "auto on one rank stays auto; two ranks choose"

# a key on the command line overrides the choice of an earlier invocation
expect_mpi_exit 75 2 "$program" train small.ini --out kept --set comm.reduce=node --set train.max_steps=27
expect_mpi_exit 0 2 "$program" train small.ini --out kept --resume --set comm.reduce=auto \
    --set comm.wire=bf16
expect_text out '^reduce +allreduce \(auto\)$'
[ "$(setting kept wire)" = bf16 ] || wrong "not bf16"
checked "auto chooses again where the former choice does not go with the configuration"
