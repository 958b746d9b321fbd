#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Only the parallel HDF5 of Debian is installed: the program and its tests build, and train.
#
#     parallel_hdf5.sh PROGRAM
#
# A mount namespace overlays /usr with the packages and hides the files of the serial HDF5.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
require_namespaces "iproute2 util-linux"
command -v apt-get >/dev/null || lack "this system has no packages of Debian"
folder=$(dirname -- "$program")/mpis/parallel-hdf5
mkdir -p "$folder/packages"
export SHARDNET_DATA=$mnist
limit=300

cd -- "$folder/packages"
mapfile -t packages < <(apt-cache depends libhdf5-openmpi-dev | sed -n 's/.*Depends: \(libhdf5-openmpi[^ ]*\)/\1/p')
download apt-get download libhdf5-openmpi-dev "${packages[@]}" ||
    lack "apt-get downloads no libhdf5-openmpi-dev: $(tail -n 1 "$scratch/err")"

mkdir -p "$scratch/over"
for package in *.deb; do
    dpkg-deb -x "$package" "$scratch/over"
done
ln -s h5pcc.openmpi "$scratch/over/usr/bin/h5pcc"
dpkg -L libhdf5-dev | while read -r file; do
    if [ ! -d "$file" ] && [ -e "$file" ]; then
        mkdir -p "$scratch/over$(dirname "$file")"
        mknod "$scratch/over$file" c 0 0 # hides the file below
    fi
done

# overlaid COMMAND...
overlaid() {
    # shellcheck disable=SC2016
    run unshare -m sh -c 'mount -t overlay -o "lowerdir=$1/usr:/usr" overlay /usr && shift && exec "$@"' \
        sh "$scratch/over" "$@"
}
overlaid true
[ "$code" -eq 0 ] || lack "this kernel mounts no overlay: $(tail -n 1 "$scratch/err")"

cd -- "$source_root"
overlaid cmake --preset dev -B "$folder/build"
[ "$code" -eq 0 ] || wrong "cmake ended with $code"
expect_text out '^-- HDF5: the parallel library'
overlaid cmake --build "$folder/build" --parallel "$(processors)"
[ "$code" -eq 0 ] || wrong "the build ended with $code"
overlaid ldd "$folder/build/shardnet"
expect_text out 'libhdf5_openmpi\.so'
overlaid ctest --test-dir "$folder/build" --output-on-failure -j $((4 * $(processors))) \
    -R '^(unit\.(checkpoint|metrics.*|read_back|verify)|cli\.train)$'
[ "$code" -eq 0 ] || wrong "the tests ended with $code"
checked "only the parallel HDF5: builds, reads, writes and trains"
