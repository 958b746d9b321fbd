#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A job of three nodes loses one: training starts again at once on the two that are left, by
# either launcher, and ends with the bytes of an undisturbed run.  Prints the seconds from the
# loss to the next step.  A job that loses the host of its script is requeued.
set -euo pipefail
# shellcheck source=../lib/slurm.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/slurm.sh"
lab_nodes=3
export SLURM_LAB_TIMEOUT=10
setup_cluster "$@"

options=(-N 3 --ntasks-per-node=1)

# lose RUN NODE ACTION: crashes or freezes the node while the run trains; the next start is short
lose() {
    wait_for_epochs "$1"
    cut_short "$1"
    "$lab" "$3" "$2"
    lost=$(date +%s.%N)
    wait_for_log "$1" '; a node does not answer; starting again at once on 2 nodes$'
    local after
    after=$(sed '/; a node does not answer;/q' "$1.log" | grep -c '^epoch ')
    wait_for_log "$1" '^epoch ' $((after + 1))
    seconds=$(awk -v lost="$lost" -v now="$(date +%s.%N)" 'BEGIN { printf "%.0f", now - lost }')
    wait_for_state "$1" COMPLETED
    same_as_undisturbed "$1"
}

# revive RUN NODE: after the job of RUN, the node returns
revive() {
    "$lab" boot "$2"
    wait_for_job "$1" "$2 does not return" all_idle
}

all_idle() {
    [ "$(sinfo -h -t idle -o %D)" = 3 ]
}

for launcher in srun mpirun; do
    write_job "$endless"
    SHARDNET_LAUNCHER=$launcher train "crash-$launcher"
    lose "crash-$launcher" node3 crash
    checked "$launcher: a node crashed: $seconds s to the next step on two nodes, the same bytes"
    revive "crash-$launcher" node3
done

write_job "$endless"
train frozen
lose frozen node3 freeze
"$lab" crash node3
checked "srun: a node stopped to answer: $seconds s to the next step on two nodes, the same bytes"
revive frozen node3

# this srun refuses once, as on a busy node, to start the task that watches the host of the script
patience=200 # Slurm gives the host up, then the task looks every 30 seconds
mkdir refusing
cat >refusing/srun <<END
#!/bin/sh
case \$* in *" guard "*) mkdir "$scratch/refused" 2>/dev/null && exit 1 ;; esac
exec "$SLURM_LAB_DIR/bin/srun" "\$@"
END
chmod 755 refusing/srun

# watched: that task was refused once, and runs; a step exists before its task does
watched() {
    [ -d refused ] && pgrep --ns "$(<"$SLURM_LAB_DIR/holder.pid")" --nslist net -f '^[^ ]*bash -c while sleep 30' >/dev/null
}

write_job "$endless"
PATH=$scratch/refusing:$PATH train headless
wait_for_epochs headless
wait_for_job headless "no task that watches the host of the script" watched
cut_short headless
"$lab" crash node1
wait_for_state headless PENDING
"$lab" boot node1
wait_for_start headless 1
wait_for_state headless COMPLETED
same_as_undisturbed headless
checked "the host of the script crashed: requeued and resumed, the same bytes"
