#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every failure is one line from one rank, the right exit code, and no hang.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

train_images=train-images-idx3-ubyte
train_labels=train-labels-idx1-ubyte

# data NAME: a folder with a fresh copy of a good data set
data() {
    cp -R good "$1"
}

# put FILE OFFSET BYTES...: overwrites, bytes in octal as printf wants them
put() {
    # shellcheck disable=SC2059
    printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# fails_with RANKS CODE PATTERN WHAT ARGUMENT...: RANKS = 0 for no mpirun
fails_with() {
    expect_one_line_error "$2" "$1" "$3" "$program" "${@:5}"
    checked "$4 (mpirun -n $1): exit $2"
}

# fails CODE PATTERN WHAT ARGUMENT...: without mpirun; the check ends before `together` does
fails() {
    beside fails_with 0 "$@"
}

# fails_on "RANKS..." CODE PATTERN WHAT ARGUMENT...: without mpirun and on each number of ranks
fails_on() {
    local ranks
    for ranks in 0 $1; do
        beside fails_with "$ranks" "${@:2}"
    done
}

# train_on NAME: $arguments to train on this folder
train_on() {
    arguments=(train idx.ini --set "data.dir=$scratch/$1" --out "$scratch/run-$1")
}

# contents RUN: prints checksums of all its files
contents() {
    find "$1" -type f -exec sha256sum {} + | sort
}

expect_exit 0 "$program" data synth good --train 300 --test 100
write_config idx.ini data.source=mnist model.hidden=8 train.epochs=2 train.batch=50
write_config small.ini data.source=synthetic data.train_limit=500 model.hidden=8 \
    train.epochs=2 train.batch=50 checkpoint.every_epochs=1

# --- data

train_on none
fails_on "2 3" 66 "no data folder \($scratch/none\)" "missing data folder" "${arguments[@]}"

data no-labels
rm no-labels/$train_labels
train_on no-labels
fails 66 "no-labels/$train_labels" "missing data file" "${arguments[@]}"

data cut
truncate -s -1 cut/$train_images
train_on cut
fails_on "2 3" 65 "cut/$train_images" "truncated IDX" "${arguments[@]}"

data cut-header
truncate -s 10 cut-header/$train_images
train_on cut-header
fails 65 "cut-header/$train_images" "IDX with half a header" "${arguments[@]}"

data long
printf x >>long/$train_labels
train_on long
fails 65 "long/$train_labels" "IDX with a byte too many" "${arguments[@]}"

data packed
gzip packed/$train_images
cp -R packed damaged
put damaged/$train_images.gz 20000 '\377\000\377\000\377\000\377\000'
train_on damaged
fails_on 2 65 "damaged/$train_images.gz" "gzip-damaged IDX" "${arguments[@]}"

cp -R packed packed-cut
truncate -s -100 packed-cut/$train_images.gz
train_on packed-cut
fails 65 "packed-cut/$train_images.gz" "truncated gzip" "${arguments[@]}"

data huge
put huge/$train_images 4 '\377\377\377\377'
train_on huge
fails_on 2 65 "huge/$train_images.*claims" "header that claims 2^32 images" "${arguments[@]}"

data huge-labels
put huge-labels/$train_images 4 '\377\377\377\377'
put huge-labels/$train_labels 4 '\377\377\377\377'
gzip huge-labels/$train_images huge-labels/$train_labels
train_on huge-labels
fails 65 "huge-labels/.*claims" "2^32 images and labels, gzip" "${arguments[@]}"

data magic
put magic/$train_images 0 '\001'
train_on magic
fails 65 "magic/$train_images" "not an IDX file" "${arguments[@]}"

data label
put label/$train_labels 100 '\012'
train_on label
fails_on 2 65 "label/$train_labels" "label out of range" "${arguments[@]}"

expect_exit 0 "$program" data synth other --train 299 --test 100
data mismatch
cp other/$train_labels mismatch
train_on mismatch
fails_on "2 3" 65 "300 images.*299 labels" "count mismatch" "${arguments[@]}"

fails 65 "cut/$train_images" "data check of a truncated IDX" data check cut
fails 66 "$scratch/none" "data check of no folder" data check "$scratch/none"

# --- mirrors that never end

cat >mirror.py <<'EOF'
import http.server
import time


class Mirror(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"\x1f\x8b")
        self.wfile.flush()
        while "endless" in self.path:
            self.wfile.write(bytes(1 << 20))
        time.sleep(600)

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
print(server.server_port, flush=True)
server.serve_forever()
EOF
export no_proxy=127.0.0.1
python3 mirror.py >port 2>/dev/null &
wait_until "the mirror has no port" test -s port
fails 65 "too large" "data fetch from a mirror that sends without end" \
    data fetch endless --from "http://127.0.0.1:$(cat port)/endless"
fails 66 "cannot download .*too slow" "data fetch from a mirror that stalls" \
    data fetch stalled --from "http://127.0.0.1:$(cat port)/stalled"

# --- existing data of the user are neither overwritten nor hidden

# refused WORDS FILE: fetch and synth into own, which holds FILE
refused() {
    local before
    before=$(contents own)
    fails 73 "$1 \(own/$2\)" "data fetch over $2" data fetch own --from "file://$scratch/nowhere"
    fails 73 "$1 \(own/$2\)" "data synth over $2" data synth own --train 200 --test 100
    together
    [ "$(contents own)" = "$before" ] || wrong "a refusal changed what is there"
}

cp -R good own
expect_exit 0 "$program" data synth own --train 300 --test 100
[ "$(grep -c '^kept ' out)" -eq 4 ] || wrong "the same files are not kept"
refused "will not overwrite" $train_images
gzip own/$train_images own/$train_labels
expect_exit 0 "$program" data synth own --train 300 --test 100
[ "$(grep -c '^kept ' out)" -eq 4 ] || wrong "the same files, two as .gz, are not kept"
refused "will not hide" $train_images.gz
rm own/train-* own/t10k-images*
refused "will not overwrite" t10k-labels-idx1-ubyte
printf x >own/t10k-labels-idx1-ubyte
refused "will not overwrite" t10k-labels-idx1-ubyte
mkdir -p folder/$train_images
fails 74 "cannot read \(folder/$train_images\): Is a directory" "data synth over a folder" \
    data synth folder --train 200 --test 100

# --- configuration

# in_file RANKS LINE PATTERN: LINE is the third line of a configuration
in_file() {
    printf '[%s]\n# next\n%s\n' "${2%%.*}" "${2#*.}" >"$scratch/bad.ini"
    fails_with "$1" 78 "bad\.ini:3\).*$3" "${2#*.}" train "$scratch/bad.ini" --out never
}

# bad_line LINE PATTERN [RANKS]: in a configuration, and through --set
bad_line() {
    local ranks
    for ranks in 0 ${3-}; do
        beside in_file "$ranks" "$1" "$2"
    done
    fails 78 "set ${1%% =*}.*$2" "--set ${1/ = /=}" train small.ini --set "${1/ = /=}" --out never
}

bad_line "train.epoch = 3" "unknown key" "2 3"
bad_line "trains.epochs = 3" "unknown key"
bad_line "model.dropout_input = 1.0" "out of range" 2
bad_line "model.dropout_hidden = 1" "out of range"
bad_line "optimizer.momentum = 1.5" "out of range"
bad_line "optimizer.learning_rate = -0.1" "out of range"
bad_line "optimizer.l2 = nan" "not a number"
bad_line "train.batch = 0" "out of range"
bad_line "train.batch = 64.5" "not an integer"
bad_line "train.epochs = ten" "not an integer"
bad_line "train.seed = 99999999999999999999" "out of range"
bad_line "model.hidden = 30,0" "30,0" 2
bad_line "model.hidden = 30,,20" "30,,20"
bad_line "model.activation = tan" "not one of"

printf '[train]\nepochs = 3\nepochs = 4\n' >twice.ini
fails 78 'twice\.ini:3\)' "key set twice" train twice.ini --out never
printf '[train\nepochs = 3\n' >section.ini
fails 78 'section\.ini:1\)' "not an INI file" train section.ini --out never
write_config nowhere.ini data.source=mnist
fails 78 "no data folder" "no data folder named" train nowhere.ini --out never
fails_on 2 66 "absent\.ini" "missing configuration file" train absent.ini --out never
write_config held.ini data.source=synthetic data.train_limit=100 data.validation=100
for command in "train held.ini --out never" "bench held.ini" "plan held.ini" \
    "data preview held.ini -o never"; do
    # shellcheck disable=SC2086
    fails 78 'held\.ini:4\).*100 of 100' "${command%% held*}: no sample left to train on" $command
done
fails_on 2 78 'set data\.validation\).*500 of 500' "no sample left to train on, by --set" \
    train small.ini --set data.validation=500 --out never
for command in "train small.ini --out never" "bench small.ini" "plan small.ini"; do
    # shellcheck disable=SC2086
    fails 78 'set model\.hidden\): too large' "${command%% small*}: a model too large" $command \
        --set model.hidden=99999999
done
fails 78 'set compute\.threads\).*auto' "more threads than cores" \
    train small.ini --set compute.threads=4096 --out never
together
[ ! -e never ] || wrong "a run refused for its configuration left a folder"

# --- command line

fails_on "2 3" 64 "unknown command \(fly\); see \`shardnet --help\`" "unknown command" fly
fails 64 "no command" "no command"
fails 64 'unknown option \(--fast\); see `shardnet train --help`' "unknown option" \
    train small.ini --fast --out never
fails 64 'missing argument \(CONFIG\)' "missing CONFIG" train --out never
fails_on 2 64 'missing option \(--out RUN\)' "missing --out" train small.ini
fails 64 'missing value \(--set\): SECTION.KEY=VALUE' "--set without a value" \
    train small.ini --out never --set
fails 64 'missing value \(--resume=\)' "--resume= without a value" \
    train small.ini --out never --resume=
fails 64 'unexpected value \(--quiet=yes\)' "a flag with a value" \
    train small.ini --out never --quiet=yes
fails 64 'too many arguments \(idx\.ini\)' "two configurations" \
    train small.ini idx.ini --out never
fails 64 '--split all\): it must be test, train or validation' "unknown split" \
    eval never --split all
fails 64 '\(-o\)' "report into no file" report run -o ""
fails_on 2 64 'missing argument.*inspect' "inspect of nothing" inspect
fails 64 'unknown command \(drop\); see `shardnet data --help`' "unknown data command" data drop

# near misses
fails_on 2 64 'unknown command \(tran\): did you mean train\?' "near miss of a command" tran
fails 64 'unknown command \(chekc\): did you mean check\?' "near miss of a data command" data chekc
fails 64 'unknown command \(metrisc\): did you mean metrics\?' "near miss of a command's help" \
    help metrisc
fails 64 'did you mean --quiet\?' "near miss of an option" train small.ini --out never --quite
fails 64 'did you mean --resume\?' "near miss of an option with a value" \
    train small.ini --out never --resum=auto
bad_line "trian.epochs = 3" "unknown key; did you mean train\.epochs\?"
printf '[trian]\n' >trian.ini
fails 78 'trian\.ini:1\): \[trian\]: unknown section; did you mean \[train\]\?' \
    "near miss of a section" train trian.ini --out never
together

# both forms of values, the end of options, help and version
expect_exit 0 "$program" plan small.ini --ranks=2 --gflops=1 --memory-gbyte 1 \
    --set=model.hidden=12 --set model.activation=relu
expect_text out '784-12-10, relu'
fails 78 'set model\.hidden' "--set=SECTION.KEY=VALUE" train small.ini --set=model.hidden=x --out=never
cp small.ini ./-small.ini
expect_exit 0 "$program" plan --ranks 1 --gflops 1 --memory-gbyte 1 -- -small.ini
expect_exit 0 "$program" data synth --train=10 --test 10 --seed=18446744073709551615 -- -good
[ -e ./-good/$train_images ] || wrong "the operand after -- is not the folder"
for words in "help" "--help" "-h"; do
    expect_exit 0 "$program" $words
    expect_text out '^  shardnet data '
done
for words in "help train" "train --help" "train small.ini --nothing -h"; do
    # shellcheck disable=SC2086
    expect_exit 0 "$program" $words
    expect_text out '^usage: shardnet train CONFIG --out RUN'
    expect_text out '^  --set SECTION\.KEY=VALUE '
done
expect_exit 0 "$program" help data preview
expect_text out '^usage: shardnet data preview CONFIG -o FILE\.png'
expect_exit 0 env SLURM_STEP_NUM_TASKS=4 SLURM_PROCID=1 "$program" help train
[ ! -s out ] || wrong "the second task of a job prints help"
for words in "-V" "--version"; do
    expect_exit 0 "$program" $words
    expect_text out '^shardnet [0-9]+\.'
done
checked "--opt=value, --, help COMMAND, -V"

# --- output

printf x >file
fails_on 2 73 "$scratch/file" "output folder below a file" train small.ini --out "$scratch/file/run"

expect_exit 0 "$program" train small.ini --out run
# refused_in_run RANKS CODE PATTERN WHAT ARGUMENT...: a copy of the run stays as it is
refused_in_run() {
    local before
    cp -R run "$scratch"
    before=$(contents "$scratch/run")
    fails_with "${@:1:4}" train "${@:5}" --out "$scratch/run"
    [ "$(contents "$scratch/run")" = "$before" ] || wrong "a refused run changed the folder: $4"
}
for ranks in 0 2; do
    beside refused_in_run $ranks 73 "--resume" "run that holds a checkpoint" small.ini
done

# --- checkpoints

fails_on 2 66 "absent" "eval of nothing" eval absent
fails 66 "absent" "inspect of nothing" inspect absent
mkdir empty
fails 66 "empty" "eval of an empty folder" eval empty
fails 66 "empty" "metrics of an empty folder" metrics empty
fails 65 "small\.ini" "eval of a text file" eval small.ini
mkdir loop
ln -s checkpoints loop/checkpoints # a folder that nobody can read
for command in eval inspect verify; do
    fails 66 "cannot list \(loop/checkpoints\)" "$command of a folder that cannot be read" \
        $command loop
done

newest=run/checkpoints/step-00000020.h5
older=run/checkpoints/step-00000010.h5
if [ ! -e $newest ] || [ ! -e $older ]; then
    wrong "no checkpoints step-00000010.h5 and step-00000020.h5"
fi

# break_tensor FILE: changes one bit of a weight, which it finds by its bytes and the next ones
break_tensor() {
    local at=12000 pattern='\x0a' offset
    h5dump -d /model/layer0/weight -b LE -o weights.raw "$1" >out 2>err || wrong "h5dump $1"
    while [[ $pattern = *'\x0a'* ]]; do # grep finds no newline
        ((at += 32))
        pattern=$(od -An -v -tx1 -j $at -N 32 weights.raw | tr -d '\n' | sed 's/ /\\x/g')
    done
    offset=$(LC_ALL=C grep -obUaP -- "$pattern" "$1" | head -n 1) || true
    [ -n "$offset" ] || wrong "no weights in $1"
    put "$1" "${offset%%:*}" "$(od -An -tu1 -j $at -N 1 weights.raw |
        awk '{ printf "\\%03o", $1 % 2 ? $1 - 1 : $1 + 1 }')"
}

cp -R run broken
break_tensor broken/checkpoints/step-00000020.h5
fails_on "2 3" 65 "broken/checkpoints/step-00000020\.h5" "eval of a damaged checkpoint" eval broken
fails 65 "broken/checkpoints/step-00000020\.h5" "inspect of a damaged checkpoint" \
    inspect broken/checkpoints/step-00000020.h5

cp $newest cut.h5
truncate -s -5000 cut.h5
fails 65 "cut\.h5" "eval of a truncated checkpoint" eval cut.h5
fails_on 2 78 'split validation' "eval of a validation set that is not there" \
    eval run --split validation
for ranks in 0 2; do
    beside fails_with $ranks 66 'resume \(run\): a folder.*--out run --resume' \
        "resume from a folder" train small.ini --out from-folder-$ranks --resume=run
    beside fails_with $ranks 65 "cut\.h5" "resume from a truncated checkpoint" \
        train small.ini --out from-cut-$ranks --resume=cut.h5
done
together

# newest_damaged RANKS: the damaged checkpoint is skipped
newest_damaged() {
    cp -R broken "$scratch/resumed"
    expect_mpi_exit 0 "$1" "$program" train small.ini --out "$scratch/resumed" --resume
    [ "$(grep -c '^shardnet: ' "$scratch/err")" -eq 2 ] || wrong "other lines than two warnings"
    expect_text err '^shardnet: warning: .*resumed/checkpoints/step-00000020\.h5.*; skipped'
    expect_text err '^shardnet: warning: .*; later checkpoints moved to step-00000020\.h5\.abandoned$'
    expect_text out 'resume .*step-00000010\.h5'
    [ "$("$program" metrics "$scratch/resumed" --csv | wc -l)" -eq 3 ] ||
        wrong "not two epochs in metrics"
    checked "a damaged newest checkpoint is skipped with a warning (mpirun -n $1)"
}

# all_damaged RANKS
all_damaged() {
    local step
    cp -R both-broken "$scratch/resumed"
    expect_mpi_exit 65 "$1" "$program" train small.ini --out "$scratch/resumed" --resume
    [ "$(grep -c '^shardnet: error: .*every checkpoint is damaged' "$scratch/err")" -eq 1 ] ||
        wrong "not one line of error"
    for step in 10 20; do
        expect_text err "^shardnet: warning: .*resumed/checkpoints/step-000000$step\.h5"
    done
    [ "$(grep -c '^shardnet: ' "$scratch/err")" -eq 3 ] ||
        wrong "other lines than two warnings and an error"
    checked "all checkpoints are damaged: exit 65 (mpirun -n $1)"
}
cp -R broken both-broken
break_tensor both-broken/checkpoints/step-00000010.h5
for ranks in 0 2; do
    beside newest_damaged $ranks
    beside all_damaged $ranks
done

# --- another run than the checkpoint's

# other_run CODE PATTERN WHAT ARGUMENT...: a resume that is refused
other_run() {
    beside refused_in_run 0 "${@:1:3}" "${@:4}" --resume
}
for ranks in 2 3; do
    beside refused_in_run $ranks 78 "seed 1,.*configuration 9" "resume with another seed" \
        small.ini --set train.seed=9 --resume
done
other_run 78 "seed 1,.*configuration 9" "resume with another seed" small.ini --set train.seed=9
other_run 78 "784-8-10,.*784-9-10" "resume with another model" small.ini --set model.hidden=9
other_run 78 "784-8-10,.*784-8-8-10" "resume with another depth" \
    small.ini --set "model.hidden=8, 8"
other_run 78 "tanh.*relu" "resume with another activation" small.ini --set model.activation=relu
other_run 78 "batch 50,.*configuration 25" "resume with another batch" \
    small.ini --set train.batch=25
for momentum in nesterov previous_gradient; do
    other_run 78 "momentum_kind heavy_ball, this configuration $momentum;" \
        "resume with $momentum" small.ini --set optimizer.momentum_kind=$momentum
done
other_run 78 "500 samples.*400 samples" "resume with fewer data" \
    small.ini --set data.train_limit=400
other_run 78 "500 samples.*300 samples" "resume with other data" \
    idx.ini --set "data.dir=$scratch/good"

# keys that may change
settings_change() {
    cp -R run "$scratch/resumed"
    expect_exit 0 "$program" train small.ini --out "$scratch/resumed" --resume \
        --set train.epochs=3 --set train.report_every=2 --set model.max_norm=3 \
        --set optimizer.l2=0.001
    expect_text out '^changed  model\.max_norm = 3 \(was 0\), optimizer\.l2 = 0\.001[0-9]* \(was 0\)$'
    expect_exit 0 "$program" train "$scratch/resumed/config.ini" --out "$scratch/resumed" \
        --resume --set train.epochs=4
    expect_no_text out '^changed '
    checked "settings that a resumed run changes are printed"
}
beside settings_change

# --- divergence

# diverges RANKS
diverges() {
    local before
    cp -R run "$scratch/hot"
    before=$(contents "$scratch/hot/checkpoints")
    expect_one_line_error 76 "$1" "diverged" "$program" train small.ini --out "$scratch/hot" \
        --resume --set train.epochs=9 --set optimizer.learning_rate=1e6 --set optimizer.l2=1
    [ "$(contents "$scratch/hot/checkpoints")" = "$before" ] ||
        wrong "divergence changed the checkpoints"
    checked "divergence: exit 76, the last good checkpoint is kept (mpirun -n $1)"
}
beside diverges 0
beside diverges 2
together

# --- closed standard descriptors: MPI and HDF5 must not get their numbers

expect_exit 74 bash -c 'exec "$@" <&- >&- 2>&-' - "$program" train small.ini --out closed --set train.epochs=1
expect_exit 0 "$program" verify closed
checked "closed standard descriptors: trained to the end, exit 74"

# --- srun without PMIx: every task sees one rank

expect_one_line_error 78 0 "SLURM_STEP_NUM_TASKS=4.*pmix" \
    env SLURM_STEP_NUM_TASKS=4 SLURM_PROCID=0 "$program" train small.ini --out never
expect_exit 78 env SLURM_STEP_NUM_TASKS=4 SLURM_PROCID=1 "$program" train small.ini --out never
[ ! -s err ] || wrong "task 1 of 4 is not silent"
[ ! -e never ] || wrong "a task that is not a rank left a folder"
checked "srun without PMIx: exit 78, one line from task 0"
expect_exit 0 env SLURM_JOB_ID=7 SLURM_JOBID=7 SLURM_NODELIST=node1 SLURM_STEP_ID=0 \
    SLURM_STEP_NUM_TASKS=1 SLURM_PROCID=0 "$program" train small.ini --out single --set train.epochs=1
checked "a single task of srun without PMIx, such as a shell: it trains alone"

expect_exit 0 env SLURM_STEP_NUM_TASKS=4 SLURM_PROCID=1 "$program" data synth never
[ ! -e never ] || wrong "a task that is not the first wrote a data set"
expect_text err '^shardnet: data runs only in the first task of the job'
checked "data on the second task of a job: warns that it does nothing"
