#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Another MPI: installs the wheel NAME of this VERSION from PyPI, builds the program with it,
# and runs that build's tests of MPI, of training and of signals.
#
#     wheel.sh PROGRAM NAME VERSION
#
# The wheel and the build stay in the build folder of PROGRAM, for the next time.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$1"
name=$2 version=$3
folder=$(dirname -- "$program")/mpis/$name-$version
mkdir -p "$folder"
export SHARDNET_DATA=$mnist

limit=200
if [ ! -e "$folder/installed" ]; then
    rm -rf "$folder/wheel"
    run python3 -m venv "$folder/wheel"
    [ "$code" -eq 0 ] || skip "no environment of Python's venv (Debian: python3-venv): $(tail -n 1 "$scratch/out")"
    download "$folder/wheel/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: \
        "$name==$version" || lack "pip installs no $name $version: $(tail -n 1 "$scratch/err")"
    : >"$folder/installed"
fi
checked "$name $version: a wheel of PyPI"

limit=600
cd -- "$source_root"
expect_exit 0 cmake --preset dev -B "$folder/build" -D MPI_HOME="$folder/wheel" \
    -D MPI_C_COMPILER="$folder/wheel/bin/mpicc" -D MPIEXEC_EXECUTABLE="$folder/wheel/bin/mpiexec"
expect_exit 0 cmake --build "$folder/build" --parallel "$(processors)"
ldd "$folder/build/shardnet" >"$scratch/out"
expect_text out "libmpi\.so.* => $folder/wheel/"
checked "the program is built with it"

# Jobs side by side must not share the first cores; one module of Open MPI 5 takes 1.2 s of
# every start.
export PRTE_MCA_hwloc_default_binding_policy=none OMPI_MCA_btl=^ofi
limit=1200
# cli.errors and cli.setup test launches and errors, fault.watchdog hangs.  prterun of Open MPI 5
# loses the last lines of about one in a hundred jobs that end with an error.
expect_exit 0 ctest --test-dir "$folder/build" --output-on-failure -j $((4 * $(processors))) \
    --repeat until-pass:2 -R '^(mpi\..*|unit\.launch|cli\.(train|resume|signals|setup|errors)|fault\.watchdog)$'
tail -n 40 "$scratch/out" | grep -E 'tests passed|Total' || true
checked "its tests pass"
