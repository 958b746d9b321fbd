#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Prints the runs of a sweep as a table: number of epochs, errors of the result and speed.
#
#     jobs/sweep-summary.sh FOLDER
#
# FOLDER is the folder of jobs/sweep.sbatch.  Every folder in it that contains metrics is a
# run, named by task and setting.  The result of a run is that of `shardnet eval`.  The lowest
# validation error comes first; the test set is never used for model selection.  The program is the one in SHARDNET, build/release/shardnet,
# or the one on the PATH.
set -euo pipefail

# shellcheck source=common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

case ${1-} in
-h | --help) print_usage && exit 0 ;;
esac
[ $# -eq 1 ] || fail 64 "usage: jobs/sweep-summary.sh FOLDER"
folder=$1
[ -d "$folder" ] || fail 66 "no folder $folder"
program=$(find_program)

# summary: reads the table of epochs as CSV, then the header and the row of the result; prints
# the number of epochs, the last loss, validation and test errors of the result in percent, and
# the mean speed; - if not measured
summary() {
    awk -F, '
        $1 == "epoch" { for (i = 1; i <= NF; i++) column[$i] = i; headers++; next }
        headers == 2 {
            if ($column["test_error"] != "") test = 100 * $column["test_error"]
            if ($column["validation_error"] != "") valid = 100 * $column["validation_error"]
            next
        }
        {
            epoch = $column["epoch"]; samples = $column["samples_per_second"] * $column["seconds"]
            total += samples; seconds += $column["seconds"]
            loss = $column["train_loss"]
        }
        function short(value) { return sprintf(value < 1e4 ? "%.5f" : "%.4g", value) }
        function percent(value) { return value == "" ? "-" : sprintf("%.2f", value) }
        END {
            if (epoch == "") exit 1
            printf "%s %d %s %s %s %.0f\n", (valid == "" ? 101 : percent(valid)), epoch, short(loss), \
                percent(valid), percent(test), (seconds > 0 ? total / seconds : 0)
        }'
}

printf '%6s %10s %9s %9s %11s  %s\n' epochs loss 'valid %' 'test %' images/s run
for run in "$folder"/*/; do
    [ -e "$run/metrics.h5" ] || continue
    row=$({
        "$program" metrics "$run" --csv
        "$program" metrics "$run" --csv --result || true
    } 2>/dev/null | summary) || row="101 0 - - - -"
    echo "$row $(basename -- "$run")"
done | sort -s -g -k 1,1 | while read -r _ epochs loss valid test speed name; do
    printf '%6s %10s %9s %9s %11s  %s\n' "$epochs" "$loss" "$valid" "$test" "$speed" "$name"
done
