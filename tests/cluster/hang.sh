#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A rank stops under Slurm, by either launcher: the watchdog ends the start, the job starts again
# at once, is resumed, and ends with the bytes of an undisturbed run.
set -euo pipefail
# shellcheck source=../lib/slurm.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/slurm.sh"
setup_cluster "$@"

# ranks_of RUN: prints the processes of its ranks
ranks_of() {
    local process
    for process in /proc/[0-9]*; do
        if [ "$(readlink "$process/exe" 2>/dev/null)" = "$program" ] &&
            tr '\0' ' ' <"$process/cmdline" | grep -q -- "--out $1 "; then
            echo "${process#/proc/}"
        fi
    done
}

for launcher in srun mpirun; do
    write_job "$endless"
    sed -i 's/^leaves = .*/&\ntimeout_seconds = 10/' job.ini
    SHARDNET_LAUNCHER=$launcher train "by-$launcher"
    wait_for_epochs "by-$launcher"
    wait_for_job "by-$launcher" "no checkpoint" has_checkpoint "by-$launcher"
    cut_short "by-$launcher"
    kill -STOP "$(ranks_of "by-$launcher" | tail -n 1)"
    wait_for_log "by-$launcher" \
        '== ended with 75 after a new checkpoint; failed on node[12]; starting again at once on 2 nodes$'
    expect_exit 0 grep -Eq '^shardnet: error: no progress for .* \(rank [0-3] on node[12], .*: no heartbeat from rank' \
        "by-$launcher.log"
    wait_for_state "by-$launcher" COMPLETED
    expect_exit 0 grep -q '^resume' "by-$launcher.log"
    same_as_undisturbed "by-$launcher"
    checked "$launcher: a stopped rank is named, the job starts again at once, the same bytes"
done
