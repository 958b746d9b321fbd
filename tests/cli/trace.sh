#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# train --trace writes the times of the first steps of every rank, and shows who waits for whom;
# the script in jobs/README.md writes the metrics for TensorBoard.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

# an epoch is five steps
write_config small.ini data.source=synthetic data.train_limit=500 model.hidden=16 train.epochs=3 \
    train.batch=100

# seconds RANK NAME: prints the sum of the durations of these events of the trace
seconds() {
    awk -v rank="$1" -v name="$2" -F '[:,{}"]+' '
        $3 == name && $7 == rank { for (i = 1; i < NF; i++) if ($i == "dur") sum += $(i + 1) }
        END { printf "%.3f\n", sum / 1e6 }' trace.json
}
# events RANK NAME: prints their number
events() {
    grep -c "^{\"name\":\"$2\",\"ph\":\"X\",\"pid\":$1," trace.json || true
}

expect_mpi_exit 0 2 env SHARDNET_FAULT=step.slow@1 "$program" train small.ini --out run \
    --trace trace.json --trace-steps 7
python3 -m json.tool trace.json >/dev/null || wrong "not JSON"
for name in gather forward backward reduce update; do
    for rank in 0 1; do
        [ "$(events $rank $name)" -eq 7 ] || wrong "rank $rank: not seven times $name"
    done
done
[ "$(events 0 evaluation)" -eq 1 ] || wrong "no evaluation after the first epoch"
[ "$(events 1 checkpoint)" -eq 1 ] || wrong "no checkpoint after the first epoch"
awk -v waited="$(seconds 0 'wait for rank 1')" 'BEGIN { exit !(waited >= 0.5 && waited < 20) }' ||
    wrong "rank 0 waits $(seconds 0 'wait for rank 1') s for rank 1, which sleeps 0.1 s in each of seven steps"
awk -v waited="$(seconds 1 'wait for rank 0')" 'BEGIN { exit !(waited < 0.35) }' ||
    wrong "rank 1 waits $(seconds 1 'wait for rank 0') s for rank 0"
checked "two ranks, one slow: the other waits for it in each step"

expect_mpi_exit 0 2 "$program" train small.ini --out run --resume --trace trace.json \
    --set train.epochs=4
[ "$(events 1 update)" -eq 5 ] || wrong "not the five steps that were run"
expect_text trace.json '"step":16}'
expect_exit 0 "$program" train small.ini --out run --resume --trace none.json --set train.epochs=4
[ ! -e none.json ] || wrong "a trace of no step"
checked "fewer steps than wanted, and none"
expect_mpi_exit 0 2 "$program" train small.ini --out fixed --trace trace.json --trace-steps 3 \
    --set comm.reduce=reproducible --set train.epochs=1
[ "$(events 1 forward)" -eq 3 ] || wrong "not the sum of the microbatches of three steps"
checked "several microbatches per step: one event per phase"

mkfifo pipe
for path in missing/trace.json . pipe; do
    expect_exit 73 "$program" train small.ini --out refused --trace $path
    expect_text err '^shardnet: error: '
    [ "$(grep -c '^shardnet' err)" -eq 1 ] || wrong "not one line"
    [ ! -e refused/checkpoints ] || wrong "training began"
done
mkdir short
start 0 "$program" train small.ini --out lost --set train.epochs=900000 --trace short/trace.json \
    --trace-steps 1000000
wait_for '^epoch 1/'
rm -r short
kill -TERM "$job"
finish
[ "$code" -eq 75 ] || wrong "exit code $code instead of 75"
expect_text err '^shardnet: warning: no trace: .*short/trace\.json'
expect_exit 0 "$program" verify lost
checked "a trace that cannot be written: refused at the start, a warning at the end"

sed -n '/^```python$/,/^```$/p' "$source_root/jobs/README.md" | sed '1d;$d' >import.py
if python3 -c 'import h5py, tensorboard' 2>/dev/null; then
    expect_exit 0 python3 import.py run fixed
    cat >read.py <<'END'
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1] + "/tensorboard")
events.Reload()
print(*[event.step for event in events.Tensors("epochs/test_error")])
END
    expect_exit 0 python3 read.py run
    [ "$(tail -n 1 out)" = "5 10 15 20" ] || wrong "TensorBoard reads other epochs: $(cat out)"
    checked "the script in jobs/README.md: TensorBoard reads every epoch"
else
    lack_part "TensorBoard: no python3 with h5py and tensorboard, of PyPI"
fi
