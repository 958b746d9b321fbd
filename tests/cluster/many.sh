#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Many runs: an array over settings, a chain of jobs without requeueing, scaling.
set -euo pipefail
# shellcheck source=../lib/slurm.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/slurm.sh"
setup_cluster "$@"

write_job 5
export SWEEP="optimizer.learning_rate=0.01 optimizer.learning_rate=0.1;train.seed=2 train.seed=3"
id=$(sbatch --parsable -N 1 --ntasks-per-node=1 -t 10 --array=1-3 \
    -o 'sweep-%a.log' "$source_root/jobs/sweep.sbatch" job.ini rates --quiet)
wait_for_state sweep-1 COMPLETED
[ "$(grep -Ec '^ .* 5 +5 .* [123]-' rates/summary.txt)" -eq 3 ] ||
    wrong "not three complete runs: $(cat rates/summary.txt)"
for setting in '1-optimizer.learning_rate=0.01' '2-optimizer.learning_rate=0.1;train.seed=2' \
    '3-train.seed=3'; do
    grep -Fq -- " $setting" rates/summary.txt || wrong "no run $setting in the summary"
done
expect_exit 0 "$source_root/jobs/sweep-summary.sh" rates
cmp out rates/summary.txt || wrong "the summary is not that of the complete runs"
checked "sweep: three tasks, a run each, a complete summary"

submit again --array=2 "$source_root/jobs/sweep.sbatch" job.ini rates
wait_for_state again COMPLETED
expect_exit 0 grep -Fxq '== 1 of the 3 words of SWEEP: --array=1-3 runs all' again.log
submit beyond --array=2,4 "$source_root/jobs/sweep.sbatch" job.ini rates
wait_for_state beyond FAILED 4
expect_exit 0 grep -q 'ExitCode=64:0' <(scontrol show job "${id}_4")
wait_for_state beyond COMPLETED 2
unset SWEEP
[ "$(grep -Ec '^ .* 5 +5 .* [123]-' rates/summary.txt)" -eq 3 ] || wrong "other runs: $(cat rates/summary.txt)"
checked "sweep: one task again, which is complete; a task without a word is refused"

# the task that starts last has the job number of the whole array
write_job "$endless"
id=$(SWEEP="train.epochs=5 train.seed=2 train.seed=3" \
    sbatch --parsable -N 1 --ntasks-per-node=1 -t 10 --array=1-3 -o 'task-%a.log' \
    "$source_root/jobs/sweep.sbatch" job.ini tasks)
wait_for_state task-1 COMPLETED 1
for task in 3 2; do
    wait_for_epochs "task-$task"
    signal_job "$task"
    wait_for_log "task-$task" '; requeueing'
    cut_short "task-$task"
    wait_for_state "task-$task" COMPLETED "$task"
    expect_exit 0 grep -q '^resume' "task-$task.log"
done
[ "$(grep -c '^== job .*, start' task-1.log task-2.log task-3.log | tr '\n' ' ')" = \
    "task-1.log:1 task-2.log:2 task-3.log:2 " ] || wrong "tasks that were not signalled started again"
checked "a task of an array goes back into the queue alone"

write_job "$endless"
mapfile -t chain < <("$source_root/jobs/chain.sh" 3 job.ini linked -N 2 --ntasks-per-node=2 \
    -t 10 -o linked.log -- --set train.seed=5)
[ ${#chain[@]} -eq 3 ] || wrong "chain.sh printed '${chain[*]}' instead of three numbers"
scontrol hold "${chain[2]}" # until job.ini has its last number of epochs
for id in "${chain[@]:0:2}"; do
    wait_for_log linked "^== job $id, start 0,"
    wait_for_epochs linked
    signal_job
    wait_for_state linked FAILED
    expect_exit 0 grep -q 'ExitCode=75:0' <(scontrol show job "$id")
done
cut_short linked
scontrol release "${chain[2]}"
id=${chain[2]}
wait_for_state linked COMPLETED
[ "$(grep -c '^resume' linked.log)" -eq 2 ] || fail_job linked "was not resumed twice"
same_as_undisturbed linked
checked "chain: three jobs, two of them stopped, the bytes of an undisturbed run"

write_job 2
SCALING_EPOCHS=2 submit scaling "$source_root/jobs/scaling.sbatch" job.ini speeds
wait_for_state scaling COMPLETED
[ "$(cut -d, -f 1,2 speeds/scaling.csv | tr '\n' ' ')" = \
    "kind,ranks strong,1 strong,2 strong,4 weak,1 weak,2 weak,4 " ] ||
    wrong "other rows: $(cat speeds/scaling.csv)"
[ "$(grep -Ec '^(strong|weak) +[124] ' speeds/scaling.txt)" -eq 6 ] ||
    wrong "no table: $(cat speeds/scaling.txt)"
expect_exit 0 grep -q '^batch = 400$' speeds/weak-4/config.ini
if command -v gnuplot >/dev/null; then
    [ -s speeds/scaling.png ] || wrong "no plot"
else
    expect_exit 0 grep -q '^no plot: gnuplot' scaling.log
fi
checked "scaling: 1, 2 and 4 ranks, strong and weak"
