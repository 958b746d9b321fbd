#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The man page: it renders without warnings and has every command, option, key and exit code.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
page=$(dirname -- "$program")/shardnet.1
cd -- "$scratch"

export LC_ALL=C
[ -s "$page" ] || wrong "no man page: $page"
command -v man >/dev/null || skip "man is missing (Debian: man-db)"
for width in 60 80 1000; do
    expect_exit 0 env MANWIDTH=$width man --warnings=w -l "$page"
    [ ! -s err ] || wrong "man warns at $width columns"
done
cp out page
expect_exit 0 groff -man -ww -z "$page"
[ ! -s err ] || wrong "groff warns"
checked "man -l and groff -ww: no warnings"
if command -v mandoc >/dev/null; then
    # the page has no date, so that every build writes the same bytes
    mandoc -T lint -W warning "$page" >out || true
    ! grep -qv 'missing date' out || wrong "mandoc warns"
    checked "mandoc -T lint: no warnings"
else
    skip_part "mandoc -T lint: mandoc is missing (Debian: mandoc)"
fi

# squeezed: blanks and newlines become one blank, backquotes go away
squeezed() { tr -d '`' | tr -s ' \n' ' '; }

# section TITLE [SUBTITLE]: the text of this part of the page
section() {
    awk -v title="$1" -v subtitle="${2-}" '
        /^[A-Z]/ { in_section = $0 == title; in_part = subtitle == ""; next }
        /^   [^ ]/ { in_part = $0 == "   " subtitle; next }
        in_section && in_part' page | squeezed
}

# expect_part TEXT TITLE [SUBTITLE]: TEXT, squeezed, stands in this part of the page
expect_part() {
    case $(section "${@:2}") in
    *"$(printf ' %s ' "$1" | squeezed)"*) ;;
    *) wrong "the page lacks '$1' in ${*:2}" ;;
    esac
}

sed -n 's/^\([A-Z].*\)$/\1/p' page | sed 1d >titles
printf '%s\n' NAME SYNOPSIS DESCRIPTION OPTIONS COMMANDS CONFIGURATION FILES ENVIRONMENT \
    'EXIT STATUS' EXAMPLES 'SEE ALSO' >wanted
diff titles wanted >out || wrong "other sections"

# --- commands: usage, text, operands and options as help prints them

# entries: prints the indented names of a help text and their explanations, one per line
entries() {
    awk '/^  [^ ]/ { if (line != "") print line; line = $0; next }
         /^ / && line != "" { line = line " " $0; next }
         END { if (line != "") print line }'
}

"$program" --help | sed -n 's/^  shardnet \([a-z]*\) .*/\1/p' | grep -v '^data$' >commands
"$program" help data | sed -n 's/^  shardnet \(data [a-z]*\) .*/\1/p' >>commands
[ "$(wc -l <commands)" -ge 14 ] || wrong "help lists $(wc -l <commands) commands"
options=0
while read -r command; do
    # shellcheck disable=SC2086
    "$program" help $command >text
    expect_part "$(sed '/^$/,$d; s/^usage: //' text)" SYNOPSIS
    expect_part "$(sed '1,/^$/d' text | sed '/^  [^ ]/,$d')" COMMANDS "shardnet $command"
    # the last entry is --help
    sed '1,/^$/d' text | grep -v '^    [^ ]' | entries | sed '$d' >list
    while read -r entry; do
        expect_part "$entry" COMMANDS "shardnet $command"
        options=$((options + 1))
    done <list
done <commands
[ "$options" -ge 45 ] || wrong "only $options operands and options"
for entry in '-V, --version' '-h, --help'; do
    expect_part "$entry" OPTIONS
done
grep '^   shardnet ' page | sed 's/^   shardnet //' | sort | diff - <(sort commands) >out ||
    wrong "other commands"
checked "$(wc -l <commands) commands with $options operands and options"

# --- keys: default, range and text as --help-config prints them

keys=0 part=
"$program" train --help-config | awk '/^\[/ { print; next } /^  [^ ]/ { if (line != "") print line
    line = $0; next } NF { line = line " " $0 } /^$/ { print line; line = "" } END { print line }' >list
while read -r entry; do
    case $entry in
    \[*) part=$entry ;;
    *)
        expect_part "$entry" CONFIGURATION "$part"
        keys=$((keys + 1))
        ;;
    esac
done <list
[ "$keys" -ge 45 ] || wrong "only $keys keys"
[ "$(awk '/^CONFIGURATION/ { keys = 1 } /^FILES/ { keys = 0 } keys && /^       [a-z_0-9]+ =/' page |
    wc -l)" -eq "$keys" ] || wrong "the page has other keys"
checked "$keys keys with default, range and text"

# --- exit codes

awk '/^EXIT STATUS/ { codes = 1; next } /^[A-Z]/ { codes = 0 } codes && $1 ~ /^[0-9]+$/ { print $1 }' \
    page >codes
printf '%s\n' 0 1 64 65 66 70 73 74 75 76 78 | diff codes - >out || wrong "other exit codes"
expect_part SHARDNET_DATA ENVIRONMENT
checked "the exit codes $(tr '\n' ' ' <codes)and SHARDNET_DATA"
