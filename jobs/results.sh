#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Trains a configuration with several seeds and prints the summary of configs/results/.
#
#     jobs/results.sh CONFIG FOLDER [KEY=VALUES...] [SEED...] [-- TRAIN ARGUMENT...]
#     jobs/results.sh configs/article.ini runs/article > configs/results/article.txt
#
# The seeds are 1, 2 and 3 if none is given.  jobs/sweep.sh trains the runs in FOLDER, each seed
# with each combination of the KEY=VALUES: call the script again after an interruption, and it
# continues them.  The messages of training go to stderr.  The error is that of the 10,000 test
# images for the result of each run; nothing is chosen by it.  The exit code is that of
# jobs/sweep.sh.
#
# Variables: RANKS and SHARDNET as in jobs/sweep.sh.
set -euo pipefail

# shellcheck source=common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

offer_help "$@"
[ $# -ge 2 ] || fail 64 "usage: jobs/results.sh CONFIG FOLDER [KEY=VALUES...] [SEED...] [-- TRAIN ARGUMENT...]"
config=$1 folder=$2
shift 2
settings=() seeds=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    case $1 in
    *=*) settings+=("$1") ;;
    *) seeds+=("$1") ;;
    esac
    shift
done
[ ${#seeds[@]} -gt 0 ] || seeds=(1 2 3)
arguments=("$@")
ranks=${RANKS-$(cores)}
program=$(find_program)

names=$(RANKS=$ranks SHARDNET=$program "$source_root/jobs/sweep.sh" "$config" "$folder" \
    "${settings[@]}" "train.seed=$(IFS=, && echo "${seeds[*]}")" "${arguments[@]}" |
    tee >(cat >&2) | sed -n 's/^== run [0-9]* of [0-9]*: //p')
mapfile -t names <<<"$names"
[ ${#settings[@]} -gt 0 ] && what=run || what=seed
width=6
for name in "${names[@]#train.seed=}"; do
    ((${#name} <= width)) || width=${#name}
done

# field NAME: prints the rest of the first line of inspect that begins with NAME
field() {
    sed -n "s/^$1  *//p" <<<"$inspected" | head -n 1
}

# processor: prints model, family and the vector units that decide the speed
processor() {
    awk -F': *' '
        /^model name/ { name = $2 }
        /^cpu family/ { family = $2 }
        /^flags/ {
            vectors = $2 ~ /avx512f/ ? "AVX-512" : $2 ~ /avx2/ ? "AVX2" : "no AVX2"
            if ($2 ~ /avx512_bf16/) vectors = vectors ", AVX512-BF16"
        }
        END { printf "%s, family %s, %s\n", name, family, vectors }' /proc/cpuinfo
}

# row NAME: prints error, epochs, seconds of training and digest of a run
row() {
    local run=$folder/$1 inspected error epoch
    inspected=$("$program" inspect "$run")
    read -r error epoch < <("$program" eval "$run" --json |
        sed -n 's/.*"epoch": *\([0-9]*\).*"error": *\([0-9.e-]*\).*/\2 \1/p')
    printf '%-*s %7.2f %7d %9.0f  %s\n' "$width" "${1#train.seed=}" "$(awk "BEGIN { print 100 * $error }")" "$epoch" \
        "$(field progress | sed 's/.*, \([0-9.]*\) s of training.*/\1/')" "$(field digest)"
}

# committee: prints the error of the mean of the probabilities of all runs
committee() {
    "$program" eval "${names[@]/#/$folder/}" --json |
        sed -n 's/.*"error": *\([0-9.e-]*\), "loss": [^]]*}$/\1/p' |
        awk '{ printf "%.2f", 100 * $1 }'
}

rows=$(for name in "${names[@]}"; do row "$name"; done)
cat <<END
command    jobs/results.sh configs/${config##*/} FOLDER ${settings[*]:+${settings[*]} }${seeds[*]}${arguments[*]:+ ${arguments[*]}}
program    $("$program" --version)
machine    $(processor); $ranks ranks
error      $(awk '{ sum += $2 } END { printf "%.2f", sum / NR }' <<<"$rows") % of the test images, mean of ${#names[@]} runs
committee  $(committee) % of the test images, mean of the probabilities of all runs

$(printf '%-*s' "$width" "$what") error %  epochs   seconds  digest of the checkpoint with the result
${rows//, verified/}
END
