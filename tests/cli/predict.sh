#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# `predict` agrees with eval on images in the format of the model, is nearly as accurate on
# pictures of other sizes, positions, file formats and colours, and rejects wrong pictures.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
draw=$(dirname -- "$program")/tests/draw_pictures
if [ -n "$mnist" ]; then
    mnist=$(absolute "$mnist")
fi
cd -- "$scratch"

tab=$'\t'

# labels FILE: print the labels of an IDX file, plain or gzip, one per line
labels() {
    gzip -dcf -- "$1" | od -An -v -tu1 -w1 -j8 | tr -d ' '
}

# expect_lines NAME COUNT: the file NAME has COUNT lines of results and no others
expect_lines() {
    local good
    good=$(grep -Ec "^[^$tab]+${tab}[0-9]+${tab}[0-9]${tab}[01]\.[0-9]{6}${tab}[0-9]${tab}[01]\.[0-9]{6}\$" \
        "$1") || true
    if [ "$good" -ne "$2" ] || [ "$(wc -l <"$1")" -ne "$2" ]; then
        wrong "$1 is not $2 lines of results"
    fi
}

# right NAME LABELS: print how many lines of NAME have the class in that line of LABELS
right() {
    cut -f 3 "$1" | paste - "$2" | awk -F '\t' '$1 != "" && $1 == $2 { n++ } END { print n + 0 }'
}

# pictures IMAGES COUNT KIND FACTOR dark|bright: draw the images into the folder pictures and
# set files to their names
pictures() {
    rm -rf pictures
    mkdir pictures
    "$draw" "$1" pictures "${@:2}"
    files=(pictures/*)
    [ "${#files[@]}" -eq "$2" ] || wrong "${#files[@]} pictures instead of $2"
}

# as_eval RUN IMAGES LABELS: predict agrees with eval; results in all, labels in wanted
as_eval() {
    local count
    labels "$3" >wanted
    count=$(wc -l <wanted)
    expect_exit 0 "$program" predict "$1" "$2"
    mv out all
    expect_lines all "$count"
    [ "$(grep -c '^shardnet: checkpoint ' err)" -eq 1 ] || wrong "the checkpoint is not named once"
    expect_exit 0 "$program" eval "$1"
    expect_text out "\($(right all wanted) of $count correct\)"
    checked "$count images of an IDX file: as many correct as with eval, $(right all wanted)"
}

# prepared RUN IMAGES COUNT KIND FACTOR dark|bright: on pictures of the images at most 2.5 %
# fewer predictions are correct than on the images
prepared() {
    local before after
    pictures "$2" "$3" "${@:4}"
    expect_exit 0 "$program" predict "$1" "${files[@]}"
    mv out now
    expect_lines now "$3"
    head -n "$3" all >before
    before=$(right before wanted) after=$(right now wanted)
    [ $((40 * (before - after))) -le "$3" ] ||
        wrong "$4 at $5, $6: $after correct, but $before in the IDX file"
    checked "$4 at $5 times the size, $6 ink: $after of $3 correct, $before in the IDX file"
}

expect_exit 0 "$program" data synth set --train 3000 --test 300
write_config set.ini data.source=idx data.dir="$scratch/set" model.hidden=24 train.epochs=8 \
    train.batch=30
expect_exit 0 "$program" train set.ini --out run
images=set/t10k-images-idx3-ubyte

as_eval run $images set/t10k-labels-idx1-ubyte
gzip -c $images >packed
expect_exit 0 "$program" predict "$(newest_checkpoint run)" packed
cut -f 2- out >packed.rows
cut -f 2- all | cmp -s - packed.rows || wrong "a gzip file gives other results"
checked "a gzip file and a checkpoint file: the same results"

for kind in png png16 rgb rgba pgm; do
    pictures $images 40 $kind 0 bright
    expect_exit 0 "$program" predict --as-is run "${files[@]}"
    expect_lines out 40
    [ "$(cut -f 1,2 out)" = "$(printf "%s${tab}0\n" "${files[@]}")" ] || wrong "other names"
    # a product of one row is rounded differently from a product of many rows
    head -n 40 all | cut -f 3- | paste - <(cut -f 3- out) | awk -F '\t' '
        { d = $2 - $6; e = $4 - $8
          if ($1 != $5 || $3 != $7 || d * d > 1e-10 || e * e > 1e-10) exit 1 }' ||
        wrong "$kind with --as-is gives other results"
done
checked "png, png16, rgb, rgba, pgm with --as-is: the results of the IDX file within 1e-5"

# --- other forms of the results

expect_exit 0 "$program" predict run $images --header --probabilities
mv out wide
[ "$(head -n 1 wide)" = "$(printf 'file\tindex\tclass\tprobability\tsecond_class\tsecond_probability'
    printf '\tprobability_%d' {0..9})" ] || wrong "another header: $(head -n 1 wide)"
sed 1d wide | cut -f 1-6 | cmp -s - all || wrong "--header and --probabilities change the results"
sed 1d wide | awk -F '\t' '{ sum = 0; for (i = 7; i <= NF; i++) sum += $i
    if (NF != 16 || sum < 0.99999 || sum > 1.00001 || $(7 + $3) != $4 || $(7 + $5) != $6) exit 1 }' ||
    wrong "the probabilities are not those of the classes"
expect_exit 0 "$program" predict run $images --json --probabilities
mv out lines
sed -E 's/^\{"file": "(.*)", "index": (.*), "class": (.*), "probability": (.*), "second_class": (.*), "second_probability": (.*), "probabilities": \[(.*)\], "warnings": \[.*\]\}$/\1 \2 \3 \4 \5 \6 \7/; s/,//g' lines |
    tr ' ' '\t' | cmp -s - <(sed 1d wide) || wrong "JSON has other figures"
expect_exit 0 "$program" predict run $images --json
expect_no_text out probabilities
[ "$(wc -l <out)" -eq 300 ] || wrong "not one object for each image"
expect_one_line_error 64 0 '--header.*--json' "$program" predict run $images --json --header
checked "--header, --probabilities and --json have the figures of the plain lines"

prepared run $images 300 pgm 1 dark
prepared run $images 300 rgb 3.3 dark
prepared run $images 300 rgba 1.5 bright

# --- other kinds of pictures, standard input, warnings

if find_python "pictures drawn by Pillow" PIL numpy; then
    index=$(sort -t "$tab" -k 4,4nr all | cut -f 2 | head -n 1)
    expect_exit 0 "$python" "$source_root/tests/cli/predict_pictures.py" $images "$index" drawn
    clear=(drawn/dark.png drawn/{black,light}-on-clear.png)
    jpegs=(drawn/dark.jpg drawn/progressive.jpg drawn/turned.jpg)
    if "$program" predict run drawn/dark.jpg >out 2>err || ! grep -q "no libjpeg-turbo" err; then
        clear+=("${jpegs[@]}")
    else
        expect_one_line_error 66 0 "no libjpeg-turbo.*libjpeg-dev" "$program" predict run drawn/dark.jpg
        checked "a build without libjpeg-turbo refuses JPEG"
    fi
    expect_exit 0 "$program" predict run "${clear[@]}"
    expect_no_text err warning
    [ "$(cut -f 3 out | sort | uniq -c | tr -s ' ')" = " ${#clear[@]} $(awk -F '\t' -v i="$index" '$2 == i { print $3 }' all)" ] ||
        wrong "a kind of picture changes the class"
    for picture in "${clear[@]}"; do
        "$program" predict run "$picture" >named 2>err &&
            "$program" predict run - <"$picture" >out 2>err || wrong "no result for $picture"
        cut -f 2- named | sed "s/^/-$tab/" | cmp -s - out || wrong "$picture from standard input differs"
    done
    for case in pair:'two shapes' framed:frame strip:frame noise:unsure; do
        expect_exit 0 "$program" predict run --json "drawn/${case%%:*}.png"
        expect_text err "^shardnet: warning: ${case#*:} \(drawn/${case%%:*}\.png\): "
        expect_text out "\"warnings\": \[.*\"${case#*:}\""
    done
    checked "JPEG, bright ink on transparency, standard input; warnings: two shapes, frame, unsure"
fi
"$program" predict run - <$images >out 2>err && wrong "an IDX file from standard input is accepted"
expect_text err 'not a PNG, JPEG or PGM \(standard input\)'
expect_one_line_error 65 0 'not a picture \(standard input\): it is empty' "$program" predict run -
# shellcheck disable=SC2016
expect_one_line_error 66 0 'cannot read \(standard input\): .*; open it, as with < FILE' \
    bash -c 'exec "$0" predict run - <&-' "$program"

# a job array: each task has its own picture, and one task fails
for launcher in "SLURM_STEP_NUM_TASKS=3 SLURM_PROCID" "PMI_SIZE=3 PMI_RANK"; do
    for task in 0 1 2; do
        # shellcheck disable=SC2086
        expect_exit 0 env $launcher=$task "$program" predict run "${files[$task]}"
        expect_lines out 1
    done
    # shellcheck disable=SC2086
    expect_one_line_error 66 0 'nowhere' env $launcher=2 "$program" predict run nowhere
done
expect_mpi_exit 0 3 "$program" predict run "${files[0]}"
expect_lines out 3
checked "every task of a job prints its results"

# --- wrong pictures

# fails CODE PATTERN ARGUMENT...: predict fails with one line and prints no result
fails() {
    expect_one_line_error "$1" 0 "$2" "$program" predict "${@:3}"
    [ ! -s out ] || wrong "results in spite of a failure"
}

good=${files[0]}
cp -- "$good" ./-dash.png
expect_exit 0 "$program" predict run -- -dash.png
expect_lines out 1
checked "a name that begins with - after --"
fails 64 'missing argument \(CHECKPOINT\|RUN\).*--help'
fails 64 'IMAGE.*--help' run
fails 64 '--top.*--help' run "$good" --top
fails 66 'nowhere' nowhere "$good"
fails 65 "$images" $images "$good"
fails 66 'nowhere.png' run nowhere.png
mkdir -p empty/inner
fails 66 'no picture \(empty\)' run empty
checked "wrong arguments: exit 64; no checkpoint, no picture: exit 66"

pictures $images 1 png 2 dark
head -c 300 "${files[0]}" >cut.png
printf 'P5 28 28 255\nabc' >cut.pgm
head -c 5000 $images >cut.idx
printf 'hello' >hello.png
: >empty.png
printf 'P2 5 5 255%s' "$(printf ' 240%.0s' {1..25})" >blank.pgm
printf 'P6 1 1 255\nabc' >colour.ppm
"$program" data preview set.ini -o sheet.png >out
for case in malformed:cut.png malformed:cut.pgm malformed:cut.idx 'unknown picture format:hello.png' \
    'not a picture:empty.png' 'no ink:blank.pgm' 'not a PGM:colour.ppm' \
    'wrong IDX:set/t10k-labels-idx1-ubyte'; do
    fails 65 "${case%%:*}.*\(${case#*:}\)" run "${case#*:}"
done
fails 65 "wrong image size \(sheet.png\).*28 x 28" --as-is run sheet.png
checked "malformed, blank, and of a wrong size: exit 65"

expect_exit 65 "$program" predict run cut.png "$good" nowhere.png packed empty.png
expect_lines out 301
[ "$(grep -c '^shardnet: error: ' err)" -eq 3 ] || wrong "not one line per bad picture"
expect_exit 66 "$program" predict run "$good" nowhere.png cut.png
expect_lines out 1
[ "$(grep -c '^shardnet: error: ' err)" -eq 2 ] || wrong "not one line per bad picture"
checked "bad pictures among good ones: results of the good ones, exit code of the first failure"

expect_exit 0 "$program" predict run "${files[@]}" "$good"
mv out single
mkdir folder
cp -- pictures/* folder
cp -- "$good" folder/.hidden
touch folder/Thumbs.db folder/desktop.ini
mkdir folder/inner
expect_exit 0 "$program" predict run folder "$good"
sed 's|^folder/|pictures/|' out | cmp -s - single || wrong "a folder gives other results"
cp -- cut.png folder/0.png
expect_exit 65 "$program" predict run folder
expect_text err '^shardnet: error: malformed.*\(folder/0\.png\)'
head -n 1 single | cut -f 2- | cmp -s - <(cut -f 2- out) || wrong "a bad picture hides the others"
checked "a folder: its files in order, errors for the bad ones; exit 66 without files"

cp -- "$good" "a${tab}b"$'\n'c
expect_exit 0 "$program" predict run "a${tab}b"$'\n'c
expect_lines out 1
expect_text out '^a\?b\?c'
checked "control characters in a name do not break a line"

if [ -w /dev/full ]; then
    code=0
    "$program" predict run packed >/dev/full 2>err || code=$?
    [ "$code" -eq 74 ] && [ "$(grep -c '^shardnet: error: ' err)" -eq 1 ] || wrong "exit code $code on a full disk"
    code=0
    "$program" predict run packed nowhere >/dev/full 2>err || code=$?
    [ "$code" -eq 66 ] && [ "$(grep -c '^shardnet: error: ' err)" -eq 2 ] || wrong "exit code $code, $(cat err)"
    checked "results that cannot be written: exit 74"
fi

# --- models of other sizes

# reshape NAME ROWS COLS: make the data set NAME from the bytes of set, with images of that size
reshape() {
    local file count parts=$((784 / ($2 * $3))) i
    mkdir "$1"
    for file in train:3000 t10k:300; do
        count=$((${file#*:} * parts))
        {
            printf '\0\0\10\3'
            big_endian "$count" "$2" "$3"
            tail -c +17 "set/${file%:*}-images-idx3-ubyte"
        } >"$1/${file%:*}-images-idx3-ubyte"
        {
            printf '\0\0\10\1'
            big_endian "$count"
            for ((i = 0; i < parts; i++)); do
                tail -c +9 "set/${file%:*}-labels-idx1-ubyte"
            done
        } >"$1/${file%:*}-labels-idx1-ubyte"
    done
}

# big_endian NUMBER...: print numbers as 4 bytes each
big_endian() {
    local number
    for number in "$@"; do
        # shellcheck disable=SC2059
        printf "$(printf '\\%03o' $((number >> 24 & 255)) $((number >> 16 & 255)) \
            $((number >> 8 & 255)) $((number & 255)))"
    done
}

reshape flat 14 56
reshape small 7 16
for name in flat small; do
    write_config $name.ini data.source=idx data.dir="$scratch/$name" model.hidden=4 train.epochs=1
    expect_exit 0 "$program" train $name.ini --out run-$name
    expect_exit 0 "$program" predict run-$name "$good" $name/t10k-images-idx3-ubyte
    [ "$(grep -v ' warning: unsure ' err)" = "shardnet: checkpoint $(newest_checkpoint run-$name)" ] ||
        wrong "more than the checkpoint's path, although the data set has the image size"
    fails 65 "wrong image size \(sheet.png\)" run-$name sheet.png --as-is
done
fails 65 "wrong image size.*28 x 28.*14 x 56" run-flat $images
mv flat elsewhere
mv small moved
expect_exit 0 "$program" predict run-flat "$good" "$good" elsewhere/t10k-images-idx3-ubyte
[ "$(grep -c '^shardnet: warning: .*28 x 28.*/flat' err)" -eq 1 ] || wrong "not one warning"
expect_exit 0 "$program" predict run-small moved/t10k-images-idx3-ubyte
fails 65 "image size unknown.*112.*/small" run-small "$good"
fails 65 "wrong image size.*112 pixels" run-small $images
checked "image size: from the data set, else square with a warning, else exit 65"

# --- MNIST

if [ -n "$mnist" ]; then
    expect_exit 0 env SHARDNET_DATA="$mnist" "$program" train "$source_root/configs/article.ini" \
        --set train.epochs=5 --out mnist
    for file in images-idx3 labels-idx1; do
        gzip -dcf -- "$mnist/t10k-$file-ubyte"* >"$file"
    done
    as_eval mnist images-idx3 labels-idx1
    prepared mnist images-idx3 1000 pgm 1 dark
    prepared mnist images-idx3 1000 png16 0.75 bright
    prepared mnist images-idx3 1000 rgb 4 dark
else
    lack_part "pictures of MNIST: SHARDNET_DATA is not set"
fi
