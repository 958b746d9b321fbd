#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The README files agree with the program: commands, keys, examples, file formats, links.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"
readme=$source_root/README.md
quick=(--gflops 1 --memory-gbyte 1) # plan measures nothing

# block LANGUAGE: prints the code blocks of README.md in this language
block() {
    awk -v fence='```' -v language="$1" '$0 == fence { inside = 0 } inside
        $0 == fence language { inside = 1 }' "$readme"
}

# --- README.md
[ "$(wc -l <"$readme")" -le 160 ] || wrong "README.md has more than 160 lines"
block ini >example.ini
[ -s example.ini ] || wrong "README.md has no configuration"
expect_exit 0 "$program" plan example.ini "${quick[@]}"
expect_exit 0 "$program" train example.ini --set data.source=synthetic --set train.epochs=1 \
    --set data.train_limit=500 --set data.validation=50 --out runs/article --quiet
checked "the program accepts the configuration in README.md"

block python >read.py
step=$(cd runs/article/checkpoints && echo step-*.h5)
sed -i "s/step-[0-9]*\.h5/$step/" read.py
if find_python "the Python lines in README.md" h5py numpy; then
    expect_exit 0 "$python" read.py
    expect_text out "'epoch': .*1"
    checked "the Python lines in README.md read a run"
fi

expect_exit 0 "$program" --help
sed -n 's/^  shardnet \([a-z]*\) .*/\1/p' out >commands
[ "$(wc -l <commands)" -ge 11 ] || wrong "--help lists $(wc -l <commands) commands"
while read -r command; do
    grep -Eq "^\| .*[\` ]${command}[ \`]" "$readme" || wrong "README.md has no command $command"
done <commands
checked "README.md lists $(wc -l <commands) commands"

# --- configs/README.md: section, key, default and example of every row
awk -F ' *\\| *' '/^### \[/ { gsub(/[^a-z]/, ""); section = $0 }
    /^## / { section = "" }
    section != "" && NF == 6 && $2 !~ /^(key|---)$/ { print section "." $2 "\t" $3 "\t" $4 }' \
    "$source_root/configs/README.md" >rows
expect_exit 0 "$program" train --help-config
awk '/^\[/ { gsub(/[][]/, ""); section = $0 }
    /^  [a-z]/ { key = $1; sub(/^[^=]*= ?/, ""); print section "." key "\t" $0 }' out >keys
cut -f 1,2 rows | diff keys - >out || wrong "configs/README.md has other keys or defaults"
while IFS=$'\t' read -r key standard example; do
    [ "$example" != "$standard" ] || wrong "the example of $key is its default"
    rule=momentum
    [ "$key" != optimizer.weight_decay ] || rule=adamw
    expect_exit 0 "$program" plan example.ini "${quick[@]}" --set comm.reduce=allreduce \
        --set optimizer.kind=$rule --set "$key=$example"
done <rows
checked "configs/README.md has $(wc -l <rows) keys with their defaults, and examples that the program accepts"

# --- src/README.md: the formats
for table in epochs steps ranks; do
    expect_exit 0 "$program" metrics runs/article --csv --table "$table"
    sed -n "s/^| \`\/$table\` | [^|]* | \(.*\) |$/\1/p" "$source_root/src/README.md" | tr -d ' ' >columns
    head -n 1 out | diff - columns >difference || wrong "src/README.md has other columns of /$table: $(cat difference)"
done
h5dump -A "runs/article/checkpoints/$step" | sed -n 's/^ *ATTRIBUTE "\(.*\)" {$/\1/p' | sort -u >attributes
[ "$(wc -l <attributes)" -gt 25 ] || wrong "a checkpoint has $(wc -l <attributes) attributes"
while read -r name; do
    grep -q "\`$name\`" "$source_root/src/README.md" || wrong "src/README.md lacks the attribute $name"
done <attributes
checked "src/README.md has every column of metrics.h5 and every attribute of a checkpoint"

# --- links
count=0
while IFS=: read -r file link; do
    target=${link%%#*}
    [ -z "$target" ] || [ -e "$(dirname -- "$file")/$target" ] || wrong "$file: no $target"
    count=$((count + 1))
done < <(cd -- "$source_root" && git -c safe.directory='*' ls-files '*.md' | while read -r file; do
    grep -o '](\([^)]*\))' "$file" | sed -n "s|^](\([^:)]*\))$|$source_root/$file:\1|p"
done)
[ "$count" -ge 10 ] || wrong "only $count links"
checked "$count links between the documents"
