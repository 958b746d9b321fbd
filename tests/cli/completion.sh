#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Completion in bash and zsh: commands, options, keys and values are those of the program; the
# TAB key completes lines in interactive shells.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
folder=$(dirname -- "$program")/completion
[ -s "$folder/shardnet" ] || wrong "no completion for bash: $folder/shardnet"
cd -- "$scratch"

# candidates WORD...: prints what bash offers for the last word, one candidate per line
candidates() {
    # shellcheck disable=SC2016
    bash -c 'source "$0"; [ "$(complete -p shardnet)" = "complete -F _shardnet shardnet" ] || exit 1
        COMP_WORDS=(shardnet "$@") COMP_CWORD=$#
        _shardnet; printf "%s\n" "${COMPREPLY[@]}"' "$folder/shardnet" "$@" | sort
}

# expect_candidates FILE WORD...: bash offers the lines of FILE
expect_candidates() {
    candidates "${@:2}" >out
    sort "$1" | diff - out >err || wrong "other candidates after 'shardnet ${*:2}'"
}

# --- every command, and every option of its help
"$program" --help | sed -n 's/^  shardnet \([a-z]*\) .*/\1/p' >commands
{ cat commands && echo help; } >wanted
expect_candidates wanted ''
expect_candidates commands help ''
"$program" help data | sed -n 's/^  shardnet data \([a-z]*\) .*/\1/p' >wanted
expect_candidates wanted data ''
sed 's/^/data /' wanted | cat commands - >all
options=0
while read -ra command; do
    "$program" help "${command[@]}" |
        sed -nE 's/^  ((-[a-zA-Z]), )?(--[a-z-]+).*/\2\n\3/p' | grep . >wanted
    expect_candidates wanted "${command[@]}" -
    options=$((options + $(wc -l <wanted)))
done <all
[ "$options" -ge 60 ] || wrong "only $options options"
checked "bash: $(wc -l <all) commands with $options options"

# --- every key, and the values of each choice
"$program" train --help-config | awk '/^\[/ { section = substr($1, 2, length($1) - 2) }
    /^  [a-z_0-9]+ =/ { print section "." $1 "=" }' >wanted
expect_candidates wanted train a.ini --set ''
expect_candidates wanted plan --set ''
keys=$(wc -l <wanted)
"$program" train --help-config | awk '/^\[/ { section = substr($1, 2, length($1) - 2) }
    /^  [a-z_0-9]+ =/ { key = section "." $1 }
    /^      [a-z0-9_]+( \| [a-z0-9_]+)+$/ { gsub(/ \| /, " "); $1 = $1; print key, $0 }' >choices
[ "$(wc -l <choices)" -ge 8 ] || wrong "only $(wc -l <choices) choices"
while read -ra values; do
    key=${values[0]}
    printf '%s\n' "${values[@]:1}" >wanted
    # readline splits words at =
    expect_candidates wanted train a.ini --set "$key" = ''
    expect_candidates wanted train a.ini --set = "$key" = ''
done <choices
printf '%s\n' test train validation >wanted
expect_candidates wanted eval run --split ''
checked "bash: $keys keys, $(wc -l <choices) of them with a list of values"

# --- the TAB key
find_python "the TAB key" pty || exit 0
mkdir -p runs/one configs 'with blank'
touch configs/a.ini configs/b.txt runs/one/metrics.h5 digit.png
sed 's/ *#.*//' >lines <<'END'
shardnet tra|in_
shardnet data sy|nth_
shardnet he|lp_
shardnet help exp|ort_
shardnet help data im|port_
shardnet train con|figs/
shardnet train configs/|a.ini_                             # no other file ends in .ini
shardnet train -- con|figs/
shardnet train configs/a.ini --ou|t_
shardnet train configs/a.ini --out ru|ns/
shardnet train configs/a.ini --out=ru|ns/
shardnet train configs/a.ini --set data.so|urce=
shardnet train configs/a.ini --set data.source=mn|ist_
shardnet train configs/a.ini --set=data.source=mn|ist_
shardnet train configs/a.ini --set data.dir=wi|th\ blank/
shardnet train configs/a.ini --resume=ne|ver_
shardnet train configs/a.ini --resume ru|                   # the value of --resume follows =
shardnet eval runs/one --split v|alidation_
shardnet predict runs/one dig|it.png_
shardnet predict runs/one digit.png dig|it.png_
shardnet diff runs/one ru|ns/
shardnet diff runs/one runs/one ru|                         # too many operands
shardnet metrics runs/one/m|etrics.h5_
shardnet export runs/one --format s|afetensors_
shardnet bench --see|
/usr/bin/shardnet insp|ect_
END
cut -d '|' -f 1 lines >typed
tr -d '|' <lines | tr _ ' ' >wanted
for shell in bash zsh; do
    if ! command -v "$shell" >/dev/null; then
        skip_part "completion in $shell: $shell is missing"
        continue
    fi
    expect_exit 0 "$python" "$source_root/tests/cli/press_tab.py" "$shell" "$folder" typed
    diff wanted out >err || wrong "$shell completes otherwise"
    checked "$shell: $(wc -l <lines) lines completed by TAB"
done
