#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Four hosts, 1 ms and 1 Gbit/s apart: training, and links that break.
set -euo pipefail
# shellcheck source=../lib/net.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/net.sh"
setup_network "$@"

share=replica.share # a test-sized model too has one copy per node
expect_exit 0 "$net" mpirun -n 8 --oversubscribe env SHARDNET_FAULT=$share \
    "$program" train job.ini --out whole \
    --set train.epochs=3 --set comm.leaves=8
expect_text out '^ranks +8 on 4 nodes'
expect_text out '^data .*one copy per node'
expect_text out '^model .*one copy per node'
[ "$(table whole ranks host | tail -n +2 | sort | uniq -c | tr -s ' ' | tr '\n' ';')" = \
    " 6 h1; 6 h2; 6 h3; 6 h4;" ] || wrong "not two ranks per host: $(table whole ranks rank host)"
expect_mpi_exit 0 1 "$program" train job.ini --out alone --set train.epochs=3 --set comm.leaves=8
expect_no_text out 'one copy per node'
same_parameters "$(newest_checkpoint alone)" "$(newest_checkpoint whole)"
checked "two ranks on each of four hosts: one copy of data and model on each, the bytes of one rank"

flipped() {
    expect_exit 70 "$net" mpirun -n 8 --oversubscribe env SHARDNET_FAULT="$share,replica.flip@$1:7" \
        "$program" train job.ini --out flipped --set comm.check_replicas_every=1 \
        --set comm.leaves=8 --set comm.reduce=auto
    expect_text err "step [78]\).*: the parameters of rank [0-7] on $2 differ from those of the other"
}
second=$(table whole ranks rank host | awk -F, '$2 == "h3" { rank = $1 } END { print rank }')
flipped "$second" h3
checked "a bit of the model on h3 changes: the node is named"

expect_exit 0 "$net" mpirun -n 4 env SHARDNET_FAULT=clock.wrong@2 "$program" train job.ini --out traced \
    --set train.epochs=3 --set comm.reduce=allreduce --trace trace.json --trace-steps 10
[ "$(grep -c '"process_name"' trace.json)" -eq 4 ] || wrong "not four ranks in the trace"
awk -F '"ts":' 'NF > 1 { if ($2 + 0 > latest) latest = $2 + 0; if ($2 + 0 < 0) early = 1 }
    END { exit !(latest > 0 && latest < 30e6 && !early) }' trace.json ||
    wrong "the clocks are not aligned: $(grep -c . trace.json) events over more than 30 s"
checked "the clock of h3 is 1000 s ahead: the trace aligns it"

"$program" data synth one --train 600 --test 100 >out 2>err &&
    "$program" data synth two --train 700 --test 100 >out 2>err || wrong "no data"
each=(train job.ini --out never --set data.source=mnist)
expect_exit 78 "$net" mpirun -n 1 env SHARDNET_DATA="$scratch/one" "$program" "${each[@]}" : \
    -n 1 env SHARDNET_DATA="$scratch/two" "$program" "${each[@]}"
expect_text err '^shardnet: error: data set \(.*/two\): other training data .*\[rank 1 on h2\]$'
[ "$(grep -c '^shardnet:' err)" -eq 1 ] || wrong "not one line of error"
"$program" data synth three --train 600 --test 90 >out 2>err || wrong "no data"
expect_exit 78 "$net" mpirun -n 1 env SHARDNET_DATA="$scratch/one" "$program" "${each[@]}" : \
    -n 1 env SHARDNET_DATA="$scratch/three" "$program" "${each[@]}"
expect_text err '^shardnet: error: data set \(.*/three\): other test data .*\[rank 1 on h2\]$'
checked "hosts with different data, to train on or to test with: exit 78, the host named"

train link
"$net" link h3 down data
broken_off 75 '^shardnet: error: no progress for [0-9]+ s \(rank 2 on h3, .*a link is down.*--resume$'
[ "$(grep -c '^shardnet:' err)" -eq 1 ] || wrong "not one line about the hang"
all_leave h1 h2 h3 h4
"$net" link h3 up
resumed link
checked "the data link of h3 cut: exit 75, rank 2 on h3 named, resumed"

train own
"$net" link h1 down data
broken_off 75 '^shardnet: error: no progress for [0-9]+ s \(rank 0 on h1, .*no heartbeat from any other host .* a link is down'
"$net" link h1 up
resumed own
checked "the data link of rank 0's host cut: exit 75, rank 0 on h1 named, resumed"
