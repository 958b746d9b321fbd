#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Trains in N Slurm jobs, one after the other, at sites that forbid requeueing.
#
#     jobs/chain.sh N CONFIG RUN [SBATCH OPTION...] [-- TRAIN ARGUMENT...]
#     jobs/chain.sh 5 configs/dropout-8192x2.ini runs/big -N 4 -t 2:00:00 -A ACCOUNT
#
# Each job runs jobs/train.sbatch.  It starts when the previous job has ended for any reason
# (time limit, preemption, node failure) and continues from the newest checkpoint in RUN.
# Jobs that find the training complete end at once.  The script prints the number of each
# job; scancel NUMBER removes one.
#
# Variables: those of jobs/train.sbatch, and
#   SHARDNET_SCRIPT  the script of the jobs, such as a copy of jobs/train.sbatch that loads
#                    modules  (default: jobs/train.sbatch)
set -euo pipefail

# shellcheck source=common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

offer_help "$@"
if [ $# -lt 3 ] || ! [[ $1 =~ ^[1-9][0-9]{0,2}$ ]]; then
    fail 64 "usage: jobs/chain.sh N CONFIG RUN [SBATCH OPTION...] [-- TRAIN ARGUMENT...]"
fi
count=$1 config=$2 run=$3
shift 3
[ -r "$config" ] || fail 66 "cannot read CONFIG $config"
script=${SHARDNET_SCRIPT:-$source_root/jobs/train.sbatch}
[ -r "$script" ] || fail 66 "cannot read SHARDNET_SCRIPT $script"

options=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    options+=("$1")
    shift
done
if [ $# -gt 0 ]; then
    shift # the --
fi

export SHARDNET_REQUEUE=no SHARDNET_NEXT_JOB=yes SHARDNET_HOME=${SHARDNET_HOME:-$source_root}
previous=
for ((i = 1; i <= count; i++)); do
    ((i < count)) || SHARDNET_NEXT_JOB=no
    # the last option wins: the caller's options override the script's, not the chain's
    previous=$(sbatch --parsable "--job-name=${run##*/}-$i" "${options[@]}" \
        --no-requeue ${previous:+"--dependency=afterany:$previous"} \
        "$script" "$config" "$run" "$@")
    export SHARDNET_FIRST_START=no # the next job ignores --resume=PATH
    previous=${previous%%;*} # "number;cluster" if there are several clusters
    echo "$previous"
done
