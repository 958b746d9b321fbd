#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every file operation of `data import` fails in turn: once with EIO, always with ENOSPC, or
# the process is killed at it; into a new folder, and over another set, plain or gzip.  The
# folder then holds the old set, the new set, or one that is refused; never a mixture.  A
# repeated import succeeds.
#
#     tests/fault/import.sh PROGRAM LIBRARY STRIDE ["START KIND NUMBER"]
#
# LIBRARY is the preloaded library of tests/support/fail_files.c.  START is new, plain or gzip,
# KIND is eio, enospc or kill; ENOSPC is tried at the operations that write.
set -euo pipefail
# shellcheck source=../lib/disturbed.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/disturbed.sh"
setup_disturbance "$@"

# the same sizes, so that only the contents distinguish the sets
for seed in 1 2; do
    expect_exit 0 "$program" data synth set-$seed --train 40 --test 10 --seed $seed
done
cp -R set-1 old-plain
cp -R set-1 old-gzip
gzip old-gzip/*

# import START RUN [VARIABLE=VALUE...]: imports set 2 into RUN
import() {
    local force=()
    if [ "$1" != new ]; then force=(--force); fi
    timeout "$limit" env "${@:3}" "$program" data import "${force[@]}" set-2 "$2" >"$2.out" 2>"$2.err"
}

# disturbed START KIND NUMBER RUN
disturbed() {
    if [ "$1" != new ]; then cp -R "old-$1" "$4"; fi
    import "$1" "$4" FAIL_FOLDER="$PWD/$4" FAIL_KIND="$2" FAIL_AT="$3" FAIL_LOG="$4.log" LD_PRELOAD="$library"
}

# holds RUN SEED: true if RUN has the files of this set
holds() {
    local file name
    for file in "set-$2"/*; do
        name=$1/${file##*/}
        [ -e "$name" ] || name=$name.gz
        zcat -f "$name" | cmp -s - "$file" || return 1
    done
}

# try "START KIND NUMBER" RUN
try() {
    local code=0 check=0 start=${1%% *}
    # shellcheck disable=SC2086 # three words
    disturbed $1 "$2" || code=$?
    case $1 in
    *kill*) check_end "$code" "$2" 137 ;;
    *) check_end "$code" "$2" 0 66 73 74 ;;
    esac
    "$program" data check "$2" >"$2.check" 2>&1 || check=$?
    case $check in
    0)
        holds "$2" 2 || { [ "$code" -ne 0 ] && holds "$2" 1; } || echo "a mixture of two data sets"
        start=plain # --force replaces it
        ;;
    66)
        [ "$code" -ne 0 ] || echo "import ends with 0, data check with 66"
        grep -q 'unfinished data set .*run .shardnet data import. again' "$2.check" ||
            [ -z "$(ls "$2" 2>/dev/null)" ] || echo "no unfinished data set: $(cat "$2.check")"
        ;;
    *) echo "data check ends with $check: $(cat "$2.check")" ;;
    esac
    import "$start" "$2" || echo "the repeated import ends with $?: $(cat "$2.err")"
    holds "$2" 2 || echo "the repeated import gives another set"
    [ "$(find "$2" -type f | wc -l)" -eq 5 ] || echo "the repeated import leaves other files: $(ls "$2")"
}

for start in new plain gzip; do
    disturbed $start none 0 counted-$start || wrong "the undisturbed import fails: $(cat counted-$start.err)"
    [ "$(grep -c writes counted-$start.log)" -ge 20 ] ||
        wrong "only $(grep -c writes counted-$start.log) operations that write"
    awk -v start="$start" '{ print start, "eio", $1; print start, "kill", $1 }
        $3 == "writes" { print start, "enospc", $1 }' counted-$start.log >>every-case
done
sort -s -k 2,2 -o every-case every-case # every STRIDEth case of each kind is tried
try_cases '.* eio .* 7[34]' '.* enospc .* 7[34]' '.* kill .* 137'
