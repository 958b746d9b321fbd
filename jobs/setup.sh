#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Installs the packages that are missing.
#
#     jobs/setup.sh [build|test|all]
#
#     build  packages to build shardnet (the default)
#     test   these and the packages of the tests
#     all    these and the large packages of tests/run.sh --all and tests/coverage.sh
#
# Uses apt-get on Debian and Ubuntu, as root or with a sudo that asks no password.  Elsewhere
# it installs nothing, lists the missing packages with their names in Debian, Spack and
# EasyBuild, and exits with 69.
set -euo pipefail

usage="usage: jobs/setup.sh [build|test|all]"

# Debian package | Spack | EasyBuild | check where dpkg does not list it
build_needs='
gcc              | gcc       | GCC       | tool:cc
libc6-dev        | -         | -         | header:stdlib.h
make             | gmake     | make      | tool:make
cmake            | cmake     | CMake     | tool:cmake
git              | git       | git       | tool:git
ca-certificates  | -         | -         | none
curl             | curl      | cURL      | tool:curl
libopenmpi-dev   | openmpi   | OpenMPI   | tool:mpicc
openmpi-bin      | openmpi   | OpenMPI   | tool:mpirun
libhdf5-dev      | hdf5      | HDF5      | header:hdf5.h
libopenblas-openmp-dev | openblas | OpenBLAS | header:openblas_config.h
libinih-dev      | inih      | inih      | header:ini.h
zlib1g-dev       | zlib      | zlib      | header:zlib.h
libpng-dev       | libpng    | libpng    | header:png.h
libssl-dev       | openssl   | OpenSSL   | header:openssl/evp.h
libdnnl-dev      | onednn    | oneDNN    | none
libjpeg-dev      | libjpeg-turbo | libjpeg-turbo | none
libzip-dev       | libzip    | libzip    | none'
if [ "$(uname -m)" = x86_64 ]; then # the only architecture for which Debian has it
    build_needs+='
libisal-dev      | isa-l     | ISA-L     | none'
fi
test_needs='
g++              | gcc       | GCC       | tool:c++
pkg-config       | pkgconf   | pkgconf   | tool:pkg-config
dpkg-dev         | -         | -         | none
file             | file      | file      | tool:file
man-db           | -         | -         | tool:man
locales          | -         | -         | none
libcmocka-dev    | cmocka    | cmocka    | header:cmocka.h
hdf5-tools       | hdf5      | HDF5      | tool:h5diff
python3-numpy    | py-numpy  | SciPy-bundle | python:numpy
python3-pil      | py-pillow | Pillow    | python:PIL
python3-h5py     | py-h5py   | h5py      | python:h5py'

# Packages that are installed only where apt-get can: the tests that need them are skipped
# elsewhere.  The tests on a real Slurm need root too.
plot_packages=(gnuplot-nox)
style_packages=(clang-format shellcheck man-db)
cluster_packages=(slurmctld slurmd slurm-client munge iproute2)
large_packages=(clang-tidy libomp-dev gcovr python3-venv zsh mandoc chromium)

# shellcheck source=common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

case ${1-build} in
build) needs=$build_needs ;;
test | all) needs=$build_needs$test_needs ;;
-h | --help) print_usage && exit 0 ;;
*) fail 64 "$usage" ;;
esac
if [ $# -gt 1 ]; then
    fail 64 "$usage"
fi

has_package() {
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# header_folders: prints options for the folders of headers that a compiler does not search by
# itself: those of modules, Spack and distributions
header_folders() {
    local prefix search=${CMAKE_PREFIX_PATH-}
    for prefix in "${HDF5_ROOT-}" "${HDF5_DIR-}" "${EBROOTHDF5-}" "${OPENBLAS_ROOT-}" \
        "${EBROOTOPENBLAS-}" "${EBROOTINIH-}" "${EBROOTCMOCKA-}" "${CONDA_PREFIX-}"; do
        if [ -n "$prefix" ]; then
            echo "-I$prefix/include"
        fi
    done
    for prefix in ${search//:/ }; do
        echo "-I$prefix/include"
    done
    printf -- '-I/usr/include/%s\n' openblas hdf5/serial hdf5/openmpi
    for prefix in /usr/include/*/openblas-pthread /usr/include/*/openblas-openmp; do
        echo "-I$prefix"
    done
}

has_header() {
    local folders
    mapfile -t folders < <(header_folders)
    printf '#include <%s>\n' "$1" | cc -E "${folders[@]}" -x c - >/dev/null 2>&1
}

has_module() {
    local python
    for python in python3 /usr/bin/python3; do
        if "$python" -c "import $1" >/dev/null 2>&1; then
            return 0
        fi
    done
    return 1
}

is_present() {
    case $1 in
    tool:*) command -v "${1#*:}" >/dev/null ;;
    header:*) has_header "${1#*:}" ;;
    python:*) has_module "${1#*:}" ;;
    none) true ;;
    esac
}

# missing_lines CHECK: prints the lines of the table that the function CHECK does not find; it
# gets the fields PACKAGE and CHECK of a line
missing_lines() {
    local debian spack easybuild check
    while IFS='|' read -r debian spack easybuild check; do
        debian=${debian// /} check=${check// /}
        if [ -n "$debian" ] && ! "$1" "$debian" "$check"; then
            printf '%s %s %s\n' "$debian" "${spack// /}" "${easybuild// /}"
        fi
    done <<<"$needs"
}
by_package() { has_package "$1"; }
by_sight() { is_present "$2"; }

run_as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

may_install() {
    command -v apt-get >/dev/null &&
        { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }
}

install_packages() {
    local log
    log=$(mktemp)
    say "installing $*"
    if ! { run_as_root apt-get update &&
        run_as_root apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1; then
        tail -n 30 -- "$log" >&2
        rm -f -- "$log"
        fail 69 "apt-get could not install: $*"
    fi
    rm -f -- "$log"
}

list_missing() {
    local debian spack easybuild specs=() modules=()
    {
        echo "setup.sh: missing, and not installed (no apt-get, or no right to use it):"
        printf '    %-24s%-14s%s\n' Debian Spack EasyBuild
        while read -r debian spack easybuild; do
            printf '    %-24s%-14s%s\n' "$debian" "$spack" "$easybuild"
            if [ "$spack" != - ]; then
                specs+=("$spack")
                modules+=("$easybuild")
            fi
        done
        if [ ${#specs[@]} -gt 0 ]; then
            mapfile -t specs < <(printf '%s\n' "${specs[@]}" | sort -u)
            mapfile -t modules < <(printf '%s\n' "${modules[@]}" | sort -u)
            echo "for example one of:"
            echo "    spack install ${specs[*]} && spack load ${specs[*]}"
            echo "    module load ${modules[*]}"
        fi
        echo "    (an administrator, on Debian or Ubuntu) apt-get install PACKAGE..."
    } >&2
}

# The presets need 3.21.
check_cmake() {
    local version
    version=$(cmake --version | sed -n '1s/[^0-9]*\([0-9.]*\).*/\1/p')
    if [ "$(printf '3.21\n%s\n' "$version" | sort -V | head -n 1)" != 3.21 ]; then
        fail 69 "cmake $version is too old: 3.21 or newer is needed (for example: pip install cmake)"
    fi
}

missing=
if command -v dpkg-query >/dev/null; then
    missing=$(missing_lines by_package)
else
    missing=$(missing_lines by_sight)
fi
if [ -n "$missing" ]; then
    if may_install; then
        mapfile -t packages < <(cut -d' ' -f1 <<<"$missing")
        install_packages "${packages[@]}"
    else
        missing=$(missing_lines by_sight)
        if [ -n "$missing" ]; then
            list_missing <<<"$missing"
            exit 69
        fi
    fi
fi
if [ "${1-build}" != build ] && may_install; then
    wanted=("${style_packages[@]}")
    if [ "$1" = all ]; then
        wanted+=("${large_packages[@]}")
    fi
    if ! command -v gnuplot >/dev/null; then
        wanted+=("${plot_packages[@]}")
    fi
    if [ "$(id -u)" -eq 0 ]; then
        wanted+=("${cluster_packages[@]}")
    fi
    mapfile -t packages < <(for package in "${wanted[@]}"; do
        has_package "$package" || echo "$package"
    done)
    if [ ${#packages[@]} -gt 0 ]; then
        install_packages "${packages[@]}"
    fi
fi
check_cmake
