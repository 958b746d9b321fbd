# SPDX-License-Identifier: BSD-3-Clause
# Functions of the tests of the command.  A test sources this file and calls setup_test, which
# sets $program and $scratch.  At its end the scratch folder and all child processes go.
# shellcheck shell=bash

# shellcheck source=../../jobs/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../../jobs/common.sh"

# seconds after which a run of the program counts as a hang
limit=${SHARDNET_TEST_SECONDS:-120}
job=
tasks=()
session='' segments=/dev/shm

# setup_test "$@": the arguments of the script
setup_test() {
    if [ $# -ne 1 ] || [ ! -x "$1" ]; then
        fail 64 "usage: ${0##*/} PROGRAM"
    fi
    program=$(absolute "$1")
    mpirun=$(mpirun_of "$(dirname -- "$program")")
    scratch=$(mktemp -d)
    own_folders
    trap clean_up EXIT
    allow_mpirun_as_root
    allow_oversubscription
    # tests share the cores: neither ranks nor threads may spin while they wait
    export OMPI_MCA_mpi_yield_when_idle=1 OMP_WAIT_POLICY=passive
    # these modules take 0.2 s of every start
    export OMPI_MCA_mtl=^psm,psm2,ofi
    # another launcher, or the user, may have set these
    unset SLURM_STEP_NUM_TASKS SLURM_PROCID PMI_SIZE PMI_RANK SLURM_JOB_END_TIME SHARDNET_END_TIME SHARDNET_FAULT
    # shellcheck disable=SC2034
    mnist=${SHARDNET_DATA-}
    unset SHARDNET_DATA
}

# own_folders: Open MPI's files of this test, or of this check beside others, go into folders of
# its own.  An mpirun of version 4 that ends removes the folder in which another one starts:
# https://github.com/open-mpi/ompi/issues/8510; killed ranks leave files in /dev/shm.
own_folders() {
    session=$(mktemp -d -p "$session") # in that of the test, which removes it after a kill -9
    segments=$(mktemp -d -p "$segments" 2>/dev/null) || segments=$session
    export OMPI_MCA_orte_tmpdir_base=$session OMPI_MCA_btl_vader_backing_directory=$segments \
        OMPI_MCA_osc_sm_backing_directory=$segments
}

# common_folders: Open MPI's own ones again, for commands that see another /tmp or /dev/shm
common_folders() {
    unset OMPI_MCA_{orte_tmpdir_base,btl_vader_backing_directory,osc_sm_backing_directory}
}

clean_up() {
    local child shell=$BASHPID folders=("$scratch" "$session" "$segments")
    for child in $(children_of "$shell"); do
        kill_tree "$child"
    done
    # a process that was just killed may still create a file
    rm -rf -- "${folders[@]}" || { sleep 1 && rm -rf -- "${folders[@]}"; } || true
}

checked() {
    printf 'ok: %s\n' "$*"
}

# wrong MESSAGE: prints it with the output of the last command, and ends the test
wrong() {
    printf 'FAILED: %s\n' "$*"
    printf -- '--- stdout\n'
    cat -- "$scratch/out" 2>/dev/null || true
    printf -- '--- stderr\n'
    cat -- "$scratch/err" 2>/dev/null || true
    exit 1
}

# Skips.  "skipped" means that a package or root is missing, which tests/run.sh --all does
# not accept; "unavailable" that no installation helps: a processor, a kernel, data.
# skip and lack end the test; skip_part and lack_part are for a part of it.
skip_part() {
    printf 'skipped: %s\n' "$*"
}
lack_part() {
    printf 'unavailable: %s\n' "$*"
}
skip() {
    skip_part "$@"
    exit 77
}
lack() {
    lack_part "$@"
    exit 77
}

# scratch_in_memory: setup_test makes the scratch folder in memory, if that has room; a busy disk
# can delay a write for longer than a time-out
scratch_in_memory() {
    local room
    room=$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1) || true
    if ((${room:-0} >= 262144)); then export TMPDIR=/dev/shm; fi
}

# require_namespaces PACKAGES TOOL...: skips the test where a tool of the Debian PACKAGES is
# missing, or where this user cannot create network and mount namespaces
require_namespaces() {
    local packages=$1 tool
    shift
    for tool in unshare ip "$@"; do
        PATH=$PATH:/usr/sbin:/sbin command -v "$tool" >/dev/null ||
            skip "$tool is missing (Debian: $packages)"
    done
    [ "$(id -u)" -eq 0 ] || skip "not root: only root can create namespaces"
    unshare -n -u -m true 2>/dev/null || lack "this kernel creates no namespaces"
}

# find_python PART MODULE...: a Python with these modules, in $python; skips the PART of the
# test where there is none
find_python() {
    local modules=${*:2}
    for python in python3 /usr/bin/python3; do
        if "$python" -c "import ${modules// /, }" >/dev/null 2>&1; then
            return 0
        fi
    done
    skip_part "$1: no python3 with $modules"
    return 1
}

# read_by_python RUN IMAGES LABELS: h5py and NumPy read the run's files and predict as the
# newest checkpoint does; sets $predicted to "N of M" correct, or to nothing without Python.
read_by_python() {
    local python
    predicted=
    if find_python "reading the files by Python" h5py numpy; then
        expect_exit 0 "$python" "$source_root/tests/cli/read_hdf5.py" "$1" --idx-images "$2" --idx-labels "$3"
        predicted=$(sed -n 's/^correct //p' "$scratch/out")
        [ -n "$predicted" ] || wrong "read_hdf5.py prints no line 'correct N of M'"
    fi
}

# run COMMAND...: stores its exit code in $code, its output in $scratch/out and $scratch/err
run() {
    code=0
    timeout -k 5 "$limit" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null || code=$?
    if [ "$code" -eq 124 ] || [ "$code" -eq 137 ]; then
        wrong "no end within $limit s: $*"
    fi
    expect_oversubscription
}

# download COMMAND...: as run, but fails if the command fails or a slow network delays it
download() {
    timeout -k 5 200 "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
}

# expect_oversubscription: removes the warning about it from err; tests start more ranks than
# cores on purpose
expect_oversubscription() {
    if grep -q '^shardnet: warning: oversubscribed ' "$scratch/err"; then
        sed -i '/^shardnet: warning: oversubscribed /d' "$scratch/err"
    fi
}

# on_ranks N COMMAND...: sets $words to the command line; N = 0 means no mpirun
on_ranks() {
    words=("${@:2}")
    if [ "$1" -gt 0 ]; then
        words=("$mpirun" -n "$1" "${words[@]}")
    fi
}

# mpi N COMMAND...: run under mpirun
mpi() {
    on_ranks "$@"
    run "${words[@]}"
}

# expect_exit CODE COMMAND...
expect_exit() {
    run "${@:2}"
    if [ "$code" -ne "$1" ]; then
        wrong "exit code $code instead of $1: ${*:2}"
    fi
}

# expect_mpi_exit CODE N COMMAND...
expect_mpi_exit() {
    on_ranks "${@:2}"
    expect_exit "$1" "${words[@]}"
}

# expect_text FILE PATTERN: out or err of the last command
expect_text() {
    if ! grep -Eq -- "$2" "$scratch/$1"; then
        wrong "std$1 has nothing like '$2'"
    fi
}

expect_no_text() {
    if grep -Eq -- "$2" "$scratch/$1"; then
        wrong "std$1 has '$2'"
    fi
}

# expect_one_line_error CODE N PATTERN COMMAND...: one line about the error from all ranks
# together; mpirun adds lines of its own, without it there is no other line.
expect_one_line_error() {
    local ranks=$2 pattern=$3 lines
    on_ranks "$ranks" "${@:4}"
    for _ in {1..3}; do # mpirun of Open MPI 5, prterun, sometimes loses the last lines
        expect_exit "$1" "${words[@]}"
        lines=$(grep -c '^shardnet:' "$scratch/err") || true
        [ "$lines" -eq 0 ] && grep -q '^prterun ' "$scratch/err" || break
    done
    if [ "$lines" -ne 1 ]; then
        wrong "$lines lines on stderr instead of 1: ${words[*]}"
    fi
    if [ "$ranks" -eq 0 ] && [ "$(wc -l <"$scratch/err")" -ne 1 ]; then
        wrong "more than the line of error on stderr: ${words[*]}"
    fi
    if ! grep '^shardnet: error: ' "$scratch/err" | grep -Eq -- "$pattern"; then
        wrong "the line of error has nothing like '$pattern': ${words[*]}"
    fi
}

# beside CHECK...: starts a check in the background, at most six at a time, with its own
# $scratch.  mpirun waits a second after a failure, so failures are checked side by side.
beside() {
    if ((${#tasks[@]} == 6)); then
        finish_first_task
    fi
    (
        tasks=()
        scratch=$(mktemp -d "$scratch/task.XXXXXX")
        own_folders
        trap clean_up EXIT
        "$@"
    ) &
    tasks+=($!)
}

# apart CHECK...: as beside, and the current folder is $scratch
apart() {
    beside in_scratch "$@"
}

in_scratch() {
    cd -- "$scratch" || exit 1
    "$@"
}

finish_first_task() {
    local task=${tasks[0]}
    tasks=("${tasks[@]:1}")
    wait "$task" || exit 1
}

# together: waits for these checks; the test fails if one of them has failed
together() {
    while ((${#tasks[@]} > 0)); do
        finish_first_task
    done
}

# obey_permissions: the permissions of files bind root's commands after "${unprivileged[@]}" as
# they bind any user's
obey_permissions() {
    unprivileged=()
    if [ "$(id -u)" -eq 0 ]; then
        unprivileged=(setpriv --bounding-set=-all --inh-caps=-all --)
    fi
    : >"$scratch/forbidden"
    chmod 000 "$scratch/forbidden"
    if "${unprivileged[@]}" cat -- "$scratch/forbidden" 2>/dev/null; then
        wrong "permissions do not bind this user"
    fi
}

# write_config FILE SECTION.KEY=VALUE...: keys of one section stand together.  Unless it is
# set, every_epochs is 1, so that a short epoch, too, has its checkpoint.
write_config() {
    local file=$1 setting section last=
    shift
    : >"$file"
    if [[ " $* " != *" checkpoint.every_epochs="* ]]; then
        set -- "$@" checkpoint.every_epochs=1
    fi
    for setting in "$@"; do
        section=${setting%%.*}
        if [ "$section" != "$last" ]; then
            printf '[%s]\n' "$section" >>"$file"
            last=$section
        fi
        setting=${setting#*.}
        printf '%s = %s\n' "${setting%%=*}" "${setting#*=}" >>"$file"
    done
}

# stand_in NAME LINE...: makes $scratch/commands/NAME, which adds its arguments to the file calls
stand_in() {
    mkdir -p -- "$scratch/commands"
    printf '%s\n' '#!/usr/bin/env bash' "echo \"$1 \$*\" >>'$scratch/calls'" "${@:2}" >"$scratch/commands/$1"
    chmod 755 "$scratch/commands/$1"
}

newest_checkpoint() {
    local files=("$1"/checkpoints/step-*.h5)
    echo "${files[-1]}"
}

# step_of RUN: the step of its newest checkpoint, 0 for none
step_of() {
    local file
    file=$(newest_checkpoint "$1")
    file=${file##*step-}
    if [ "$file" = "*.h5" ]; then file=0.h5; fi
    echo $((10#${file%.h5}))
}

# dataset_names FILE: prints the names of the datasets under /model and /optimizer
dataset_names() {
    h5dump -n 1 "$1" | awk '$1 == "dataset" && $2 ~ "^/(model|optimizer)/" { print $2 }'
}

# same_parameters A B: /model and /optimizer byte for byte, two checkpoint files
same_parameters() {
    local name names
    names=$(dataset_names "$1")
    if [ -z "$names" ] || [ "$names" != "$(dataset_names "$2")" ]; then
        wrong "other datasets in $1 and $2"
    fi
    for name in $names; do
        h5dump -d "$name" -b LE -o "$scratch/a.raw" "$1" >"$scratch/out" 2>"$scratch/err" &&
            h5dump -d "$name" -b LE -o "$scratch/b.raw" "$2" >"$scratch/out" 2>"$scratch/err" ||
            wrong "h5dump cannot read $name of $1 or $2"
        if [ ! -s "$scratch/a.raw" ] || ! cmp -s "$scratch/a.raw" "$scratch/b.raw"; then
            wrong "$name differs between $1 and $2"
        fi
    done
    for name in /model /optimizer; do
        h5diff "$1" "$2" "$name" "$name" >"$scratch/out" 2>"$scratch/err" ||
            wrong "h5diff: $name differs between $1 and $2"
    done
}

# table RUN NAME COLUMN...: these columns of a table of metrics, as CSV
table() {
    "$program" metrics "$1" --csv --table "$2" | awk -F, -v wanted="${*:3}" '
        NR == 1 { count = split(wanted, name, " "); for (i = 1; i <= NF; i++) column[$i] = i
                  for (i = 1; i <= count; i++) if (!(name[i] in column)) exit 1 }
        { line = ""
          for (i = 1; i <= count; i++) line = line (i > 1 ? "," : "") $column[name[i]]
          print line }'
}

# same_run A B: last parameters, and metrics but for times
same_run() {
    local a b
    a=$(newest_checkpoint "$1") b=$(newest_checkpoint "$2")
    [ "${a##*/}" = "${b##*/}" ] || wrong "the last checkpoints are $a and $b"
    same_parameters "$a" "$b"
    for columns in \
        "epochs epoch step learning_rate train_loss penalty train_error validation_loss validation_error test_loss test_error" \
        "steps step epoch learning_rate loss error" "ranks epoch step rank"; do
        # shellcheck disable=SC2086
        table "$1" $columns >a.csv && table "$2" $columns >b.csv || wrong "no table: $columns"
        cmp a.csv b.csv >out 2>err || wrong "${columns%% *} differ between $1 and $2"
    done
}

# same_loss A B: the training loss of every epoch, within 1e-4 relative
same_loss() {
    paste -d, <(table "$1" epochs train_loss) <(table "$2" epochs train_loss) | awk -F, '
        NR > 1 { rows++; d = ($1 - $2) / $1; if (d < 0) d = -d; if (d > worst) worst = d
                 if ($2 == "" || !(d <= 1e-4)) bad = 1 }
        END { printf "%.1e\n", worst; exit bad || rows == 0 }' >worst ||
        wrong "the losses of $1 and $2 differ by $(cat worst) relative"
}

# children_of PID; from /proc, since ps may not be installed
children_of() {
    { grep -ls "^PPid:[[:space:]]*$1\$" /proc/[0-9]*/status || true; } |
        sed 's|/proc/\([0-9]*\)/.*|\1|'
}

# descendants_of PID
descendants_of() {
    local child
    for child in $(children_of "$1"); do
        echo "$child"
        descendants_of "$child"
    done
}

# ranks_of_job: prints the processes of the job in the background that run the program, in
# the order of their ranks; MPICH's mpirun starts them by a proxy
ranks_of_job() {
    local pid
    for pid in $(descendants_of "$job"); do
        if [ "/proc/$pid/exe" -ef "$program" ]; then
            echo "$(tr '\0' '\n' <"/proc/$pid/environ" |
                sed -nE 's/^(OMPI_COMM_WORLD_RANK|PMI_RANK)=//p') $pid"
        fi
    done | sort -n | cut -d' ' -f2
}

# is_stopped PID: all threads of this process are stopped by SIGSTOP
is_stopped() {
    local states
    states=$(sed -n 's/^State:[[:space:]]*//p' "/proc/$1"/task/*/status 2>/dev/null) || return 1
    [ -n "$states" ] && ! grep -qv '^T' <<<"$states"
}

# kill_tree PID: kill -9 of a job of this test, mpirun and all ranks at once
kill_tree() {
    local child
    kill -STOP "$1" 2>/dev/null || return 0 # or it starts more of them meanwhile
    for child in $(children_of "$1"); do
        kill_tree "$child"
    done
    kill -9 "$1" 2>/dev/null || true
}

# start N COMMAND...: in the background; its process in $job
start() {
    on_ranks "$@"
    : >"$scratch/out"
    : >"$scratch/err"
    "${words[@]}" >"$scratch/out" 2>"$scratch/err" </dev/null &
    job=$!
}

# wait_until MESSAGE COMMAND...: waits until COMMAND succeeds; the test fails with MESSAGE after
# $limit seconds, or when the job in the background ends, if there is one
wait_until() {
    local end=$((SECONDS + limit)) ended=
    until "${@:2}"; do
        [ -z "$ended" ] || wrong "$1 before the job ended"
        [ -z "$job" ] || kill -0 "$job" 2>/dev/null || ended=yes
        ((SECONDS < end)) || wrong "$1 within $limit s"
        sleep 0.02
    done
}

# wait_for PATTERN: waits until the job in the background has printed it
wait_for() {
    wait_until "no '$1'" grep -Eq -- "$1" "$scratch/out"
}

# wait_for_checkpoint RUN [STEP]: waits until the run has a checkpoint after this step, or any
wait_for_checkpoint() {
    wait_until "no new checkpoint in $1" has_checkpoint "$@"
}

has_checkpoint() {
    [ "$(step_of "$1")" -gt "${2-0}" ]
}

# finish: waits for the job; its exit code in $code
finish() {
    local end=$((SECONDS + limit))
    while kill -0 "$job" 2>/dev/null; do
        ((SECONDS < end)) || wrong "no end within $limit s"
        sleep 0.02
    done 2>/dev/null # bash prints there that a job was killed
    code=0
    wait "$job" 2>/dev/null || code=$?
    job=
    expect_oversubscription
}
