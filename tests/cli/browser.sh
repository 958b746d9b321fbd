#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The pages of report in Chromium: no message, no request, on wide and narrow screens, in
# light and in dark colours.  SHARDNET_SCREENSHOTS=FOLDER keeps the pictures.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
chromium=$(command -v chromium || command -v google-chrome) || skip "chromium is missing (Debian: chromium)"
pictures=$(absolute "${SHARDNET_SCREENSHOTS:-$scratch/pictures}")
mkdir -p -- "$pictures"
cd -- "$scratch"

# browse NAME: the page NAME.html, and its pictures
browse() {
    local shot
    expect_exit 0 python3 "$source_root/tests/cli/browse.py" "$chromium" "$1.html" "$pictures"
    for shot in "$pictures/$1"-{1200,390}-{light,dark}.png "$pictures/$1.pdf"; do
        [ "$(wc -c <"$shot")" -gt 20000 ] || wrong "$shot is nearly empty"
    done
    checked "$(cat out)"
}

data=(data.source=synthetic data.train_limit=4000)
if [ -n "$mnist" ]; then
    data=(data.source=mnist data.dir="$mnist")
fi
write_config run.ini "${data[@]}" data.validation=500 model.hidden=30 model.dropout_hidden=0.1 train.epochs=6
expect_mpi_exit 0 2 "$program" train run.ini --out "first run"
expect_exit 0 "$program" report "first run" -o page.html
browse page

expect_mpi_exit 0 2 "$program" train run.ini --out second --set model.dropout_hidden=0 --set model.hidden=60
expect_exit 0 "$program" train run.ini --out third --set optimizer.learning_rate=0.01 --set train.epochs=3
expect_exit 0 "$program" report "first run" second third -o runs.html
browse runs
