#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Installs, builds and trains with one command.
#
#     jobs/quickstart.sh [RANKS]
#
# Installs missing packages, builds the release program, trains configs/quickstart.ini on
# RANKS ranks (default: one per core) and prints the result.  MNIST comes from the folder in
# SHARDNET_DATA, or is downloaded once to ~/.cache/shardnet/mnist; if both fail, synthetic
# digits replace it.  The run's folder is runs/quickstart-DATE-TIME.
set -euo pipefail

# shellcheck source=common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

offer_help "$@"
ranks=${1-$(cores)}
if [ $# -gt 1 ] || ! [[ $ranks =~ ^[1-9][0-9]{0,5}$ ]]; then
    fail 64 "usage: jobs/quickstart.sh [RANKS], RANKS a whole number from 1"
fi

build_folder=$source_root/build/release
program=$build_folder/shardnet
fetch_seconds=60

# reason COMMAND...: runs a command; prints why it failed, without the prefix of errors
reason() {
    local text code=0
    text=$("$@" 2>&1 >/dev/null) || code=$?
    if [ "$code" -eq 124 ]; then
        text="the download did not end within $fetch_seconds s; \`$program data fetch DIR\` waits longer"
    fi
    printf '%s\n' "${text#shardnet: error: }"
    return "$code"
}

# find_mnist: sets $data to the folder of MNIST, or to nothing if there is none
find_mnist() {
    local cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/shardnet/mnist why
    if [ -n "${SHARDNET_DATA-}" ]; then
        data=$(absolute "$SHARDNET_DATA")
        if why=$(reason "$program" data check "$data"); then
            return
        fi
        echo "SHARDNET_DATA cannot be used: $why"
    fi
    data=$cache
    if ! why=$(reason timeout "$fetch_seconds" "$program" data fetch "$cache"); then
        echo "no MNIST (training on synthetic digits, which are not MNIST): $why"
        data=
    fi
}

# new_run: makes a new folder for the run and prints its path
new_run() {
    local stem number=1 run
    stem=$source_root/runs/quickstart-$(date +%Y%m%d-%H%M%S)
    run=$stem
    mkdir -p -- "$source_root/runs" 2>/dev/null || fail 73 "cannot make $source_root/runs"
    until mkdir -- "$run" 2>/dev/null; do
        [ -e "$run" ] || fail 73 "cannot make $run"
        number=$((number + 1))
        run=$stem-$number
    done
    echo "$run"
}

say "1/4 packages"
"$source_root/jobs/setup.sh" build

say "2/4 build"
build release
"$program" --version

say "3/4 data"
find_mnist
if [ -n "$data" ]; then
    echo "data in $data"
    settings=(--set "data.dir=$data")
else
    settings=(--set data.source=synthetic)
fi

say "4/4 training on $ranks rank$([ "$ranks" -eq 1 ] || echo s)"
run=$(new_run)
launch=() # the launcher in the commands to try
allow_mpirun_as_root
if ((ranks > $(cores))); then
    allow_oversubscription
    launch=(env "${oversubscription[@]}")
fi
tune_open_mpi
mpirun=$(mpirun_of "$build_folder")
launch+=("$mpirun")
code=0
"$mpirun" -n "$ranks" "$program" train "$source_root/configs/quickstart.ini" \
    "${settings[@]}" --out "$run" || code=$?

echo
if [ -e "$run/metrics.h5" ]; then
    "$program" metrics "$run" || true
fi

if [ "$(id -u)" -eq 0 ]; then
    launch+=(--allow-run-as-root)
fi
echo
echo "Next commands to try:"
show "$program" eval "$run"
show "$program" inspect "$run"
show "${launch[@]}" -n "$ranks" "$program" train "$run/config.ini" \
    --set train.epochs=20 --out "$run" --resume
exit "$code"
