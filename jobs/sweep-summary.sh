#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Compares the runs of a sweep.
#
#     jobs/sweep-summary.sh FOLDER
#
# FOLDER is that of jobs/sweep.sh or jobs/sweep.sbatch.  The script prints the tables of
# `shardnet compare` with all runs in it: results, the lowest validation error first, and the
# settings that differ.
# Folders without metrics, and runs whose metrics cannot be read, are left out.  The program is
# the one in SHARDNET, build/release/shardnet, or the one on the PATH.
set -euo pipefail

# shellcheck source=common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

offer_help "$@"
[ $# -eq 1 ] || fail 64 "usage: jobs/sweep-summary.sh FOLDER"
program=$(find_program)
program=$(absolute "$program")
cd -- "$1" 2>/dev/null || fail 66 "no folder $1"

runs=()
for run in */; do
    if [ -e "${run}metrics.h5" ] && "$program" metrics "${run%/}" >/dev/null; then
        runs+=("${run%/}")
    fi
done
[ ${#runs[@]} -gt 0 ] || fail 66 "no metrics in $1: no run has started"
exec "$program" compare -- "${runs[@]}"
