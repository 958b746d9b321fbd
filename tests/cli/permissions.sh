#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Files and folders that this user may not read or write: one line of error, the right exit
# code, and nothing changed.  They bind root here, too.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"
obey_permissions
shardnet=("${unprivileged[@]}" "$program")

expect_exit 0 "$program" data synth digits --train 200 --test 50
write_config small.ini data.source=idx data.dir=digits model.hidden=4 train.epochs=2 train.batch=50
expect_exit 0 "$program" train small.ini --out run
newest=$(newest_checkpoint run)

# refused CODE PATTERN MODE FILE COMMAND ARGUMENT...: train and eval on 2 ranks, too
refused() {
    local mode
    mode=$(stat -c %a "$4")
    chmod "$3" "$4"
    expect_one_line_error "$1" 0 "$2" "${shardnet[@]}" "${@:5}"
    if [ "$5" = train ] || [ "$5" = eval ]; then
        expect_one_line_error "$1" 2 "$2" "${shardnet[@]}" "${@:5}"
    fi
    chmod "$mode" "$4"
    checked "${*:5:2} with $4 of mode $3: exit $1"
}

refused 66 'small\.ini\): Permission denied' 000 small.ini train small.ini --out never
refused 66 'data folder \(digits\): Permission denied' 000 digits train small.ini --out never
refused 66 'train-images.*: Permission denied' 000 digits/train-images-idx3-ubyte \
    train small.ini --out never
[ ! -e never ] || wrong "a refused run left a folder"
mkdir closed
refused 73 'closed/run.*: Permission denied' 555 closed train small.ini --out closed/run
refused 66 'step-.*: Permission denied' 000 "$newest" eval "$newest"
refused 66 'step-.*: Permission denied' 000 "$newest" inspect "$newest"
refused 66 'checkpoints.*: Permission denied' 000 run/checkpoints eval run
refused 66 'metrics\.h5.*: Permission denied' 000 run/metrics.h5 metrics run
refused 73 'closed/new.*: Permission denied' 555 closed data synth closed/new --train 20 --test 10
