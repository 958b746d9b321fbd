#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# jobs/tune.sh: its table, the keys that it prints, which train accepts, and what it refuses.
# No figure is compared with a threshold: a timing is never a test.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

write_config small.ini data.source=synthetic data.train_limit=200 model.hidden=16 train.epochs=1 \
    train.batch=50
tune=("$source_root/jobs/tune.sh")
short=(--rounds 1 --seconds 0.001)

# ways: RANKS x THREADS BACKEND REDUCTION of every line of the table, sorted
ways() {
    awk '/^ranks +threads/ { inside = 1; next }
         /^(==|not measured)/ { inside = 0 }
         inside && NF >= 8 { print $1 "x" $2, $3, $4 }' out | LC_ALL=C sort
}

[ "$(cores)" -ge 2 ] || lack "one core"
limit=$((2 * limit))
expect_exit 0 "${tune[@]}" "$program" small.ini "${short[@]}" --cores 2 --set=train.seed=5
[ ! -s err ] || wrong "a good run writes to stderr"
backends=(openblas)
if ! grep -q '^onednn is not measured: ' out; then
    backends+=(onednn)
fi
for backend in "${backends[@]}"; do
    printf '%s\n' "1x2 $backend allreduce" "2x1 $backend "{allreduce,overlap,node,reproducible}
done | LC_ALL=C sort >wanted
ways | cmp -s - wanted || wrong "the table has other ways than $(cat wanted)"
awk '/^ranks +threads/ { inside = 1; next } /^==/ { inside = 0 }
     inside { if (!($5 > 0 && $6 >= $5 && $7 >= $6 && $6 >= last && $8 > 0)) exit 1; last = $6 }' \
    out || wrong "the table is not sorted by its medians"
checked "a table of ranks x threads, backends and reductions"

cp out tuned
sed -n '/^\[compute\]/,/^==/{/^==/!p}' tuned >keys
sed -n 's/^  \(.* train small\.ini .*\)$/\1/p' tuned >pasted.sh
[ "$(wc -l <keys)" -eq 5 ] || wrong "not five lines of keys: $(cat keys)"
grep -q -- '--set train\.seed=5 .*--out RUN$' pasted.sh || wrong "the command is $(cat pasted.sh)"
expect_exit 0 bash pasted.sh
[ -e RUN/metrics.h5 ] || wrong "the printed command made no run"
cat small.ini keys >pasted.ini
sed -i 's/ train small\.ini .*/ train pasted.ini --out pasted/' pasted.sh
expect_exit 0 bash pasted.sh
for key in threads backend reduce; do
    [ "$(grep "^$key = " keys)" = "$(grep "^$key = " pasted/config.ini)" ] || wrong "the run has another $key"
done
checked "train accepts the keys, as lines of a file and as options"

expect_exit 0 "${tune[@]}" "$program" "$(dirname -- "$program")" small.ini "${short[@]}" --cores 1 \
    --set comm.reduce=reproducible
ways | awk '$1 != "1x1" || $3 != "reproducible" { bad = 1 } END { exit bad || NR < 2 }' ||
    wrong "a reproducible run is offered other reductions"
[ "$(grep -c "^ .* reproducible .* $program\$" out)" -eq $((2 * ${#backends[@]})) ] ||
    wrong "the programs are not named"
checked "reproducible sums stay reproducible; two programs are compared"

# 1626.5512 us: awk's print would round it to 1626.55, and the table would show 1626.5
cat >fixed_times <<'EOF'
#!/bin/sh
echo '{"reduce": "reproducible", "batch_images": 64, "step_seconds": {"min": 0.0016265512, "median": 0.0016265512, "max": 0.0016265512}}'
EOF
chmod +x fixed_times
expect_exit 0 "${tune[@]}" ./fixed_times small.ini "${short[@]}" --cores 1
expect_text out ' 1626\.6 +1626\.6 +1626\.6 '
checked "one round: minimum, median and maximum are the same"

# refused CODE PATTERN ARGUMENT...
refused() {
    expect_exit "$1" "${tune[@]}" "${@:3}"
    expect_text err "^tune\.sh: .*$2"
}
refused 64 'no CONFIG given'
refused 64 "unknown option '--fast'" "$program" small.ini --fast
refused 64 "--rounds: 'few'" "$program" small.ini --rounds few
refused 64 'option --set needs a value' "$program" small.ini --set
refused 66 'no program .*none' none small.ini
refused 66 'absent\.ini' "$program" absent.ini
refused 78 'train\.epoch' "$program" small.ini --set train.epoch=3
expect_exit 0 "${tune[@]}" --help
expect_text out '^  --cores N '
expect_no_text out 'pipefail'
checked "refusals: 64, 66, 78"
