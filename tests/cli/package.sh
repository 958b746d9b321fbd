#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A library in a prefix of its own, as Spack has it: the installed program finds it.  The
# Debian package: built, installed where only what it depends on is, and run there.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

build_folder=$(dirname -- "$program")
cached() { sed -n "s/^$1:[A-Z]*=//p" "$build_folder/CMakeCache.txt"; }

# --- libinih under another name, which the system does not have, in a prefix of its own
mkdir -p inih/include inih/lib
cp -- "$(cached INIH_INCLUDE_DIR)/ini.h" inih/include
inih=$(cached INIH_LIBRARY)
name=$(readelf -d "$inih" | sed -n 's/.*SONAME.*\[libinih\.so\.\(.*\)\]/\1/p')
[ -n "$name" ] || lack "libinih is no shared library: $inih"
LC_ALL=C sed "s/libinih\.so\.$name/libmine.so.$name/" "$inih" >"inih/lib/libmine.so.$name"
ln -s "libmine.so.$name" inih/lib/libinih.so

limit=200
expect_exit 0 cmake -S "$source_root" -B private -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_C_COMPILER="$(cached CMAKE_C_COMPILER)" -DCMAKE_INSTALL_PREFIX="$scratch/prefix" \
    -DINIH_INCLUDE_DIR="$scratch/inih/include" -DINIH_LIBRARY="$scratch/inih/lib/libinih.so"
expect_exit 0 cmake --build private --parallel "$(processors)"
expect_exit 0 cmake --install private
rm -r private
for file in prefix/bin/shardnet prefix/lib*/libshardnet.so; do
    readelf -d "$file" >out
    expect_text out "NEEDED.*\[libmine\.so\.$name\]"
    expect_text out "(RUNPATH|RPATH).*[:[]$scratch/inih/lib[]:]"
done
expect_exit 0 env -i prefix/bin/shardnet --version
mv inih gone
expect_exit 127 env -i prefix/bin/shardnet --version
expect_text err "libmine\.so\.$name"
checked "libinih in a prefix of its own: the run path names it, the program starts"

# --- the Debian package
if [ -n "$(cached SHARDNET_SANITIZE)" ]; then
    lack_part "the Debian package: a build with sanitizers is not packaged"
    exit 0
fi
if ! command -v dpkg-shlibdeps >/dev/null; then
    skip_part "the Debian package: no dpkg-shlibdeps (Debian: dpkg-dev)"
    exit 0
fi
expect_exit 0 cpack -G DEB --config "$build_folder/CPackConfig.cmake" -B deb
package=$(echo deb/*.deb)
[[ ${package##*/} =~ ^shardnet_[0-9.]+_[a-z0-9]+\.deb$ ]] || wrong "the package is $package"
dpkg-deb -c "$package" >out
for file in bin/shardnet include/shardnet/shardnet.h lib/libshardnet.so lib/libshardnet.a \
    lib/pkgconfig/shardnet.pc lib/cmake/shardnet/shardnetConfig.cmake \
    share/shardnet/configs/article.ini share/shardnet/jobs/train.sbatch \
    share/doc/shardnet/README.md share/man/man1/shardnet.1 \
    share/bash-completion/completions/shardnet share/zsh/vendor-completions/_shardnet; do
    expect_text out " \./usr/$file( |$)"
done
dpkg-deb -f "$package" Package Section Maintainer Description Depends >out
for line in 'Package: shardnet' 'Section: science' 'Maintainer: The shardnet authors' \
    'Description: [A-Z]' 'Depends: .*openmpi-bin' 'Depends: .*libhdf5' 'Depends: .*libopenmpi'; do
    expect_text out "^$line"
done
checked "cpack -G DEB: $(sed -n 's/^Depends: //p' out)"

# --- a root with the files of what the package depends on, and what is essential.  A build does
# not need every one of these packages, for example not the empty libopenblas0
if [ "$(id -u)" -ne 0 ]; then
    skip_part "installing the Debian package: not root"
    exit 0
fi
depends=$(sed -n 's/^Depends: //p' out | sed 's/([^)]*)//g; s/|[^,]*//g; s/,/ /g')
# shellcheck disable=SC2046,SC2086
apt-cache depends --recurse --installed --no-{recommends,suggests,conflicts,breaks,replaces,enhances} \
    $depends $(dpkg-query -W -f '${Essential} ${Package}\n' | sed -n 's/^yes //p') |
    grep '^[a-z]' | sort -u | comm -12 - <(dpkg-query -W -f '${Package}\n' | sort -u) >names
mkdir -p root/usr/{bin,sbin,lib,lib64} root/var/lib/dpkg/{info,updates} root/tmp root/dev root/proc
for folder in bin sbin lib lib64; do
    ln -s "usr/$folder" "root/$folder"
done
xargs dpkg-query -L <names | grep -E '^/((usr/)?(s?bin|lib(64)?)|etc)/' | while read -r file; do
    if [ ! -d "$file" ] && [ -r "$file" ]; then echo "${file#/}"; fi
done | tar -C / -cf - -T - | tar -C root -xf -
# links that the packages' own scripts make
find /usr/bin /usr/lib -type l -lname '/etc/alternatives/*' | while read -r link; do
    if [ -e "root$(readlink -f -- "$link")" ]; then
        cp --parents -P -- "$link" "$(readlink -- "$link")" root
    fi
done
ln -sf dash root/bin/sh
xargs dpkg-query -s <names >root/var/lib/dpkg/status
[ ! -e root/usr/bin/shardnet ] || wrong "the root has shardnet already"
absent=()
for name in $depends; do
    if [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" != installed ]; then
        absent+=("$name")
    fi
done
if [ ${#absent[@]} -gt 0 ]; then
    if ! download apt-get download "${absent[@]}"; then
        expect_no_text err 'Unable to locate package'
        lack_part "installing the Debian package: apt-get downloads no ${absent[*]}: $(tail -n 1 err)"
        exit 0
    fi
    expect_exit 0 dpkg --root="$scratch/root" --install ./*.deb
fi
expect_exit 0 dpkg --root="$scratch/root" --install "$package"
expect_exit 0 chroot root /usr/bin/env -i /usr/bin/shardnet --version
expect_text out '^shardnet [0-9]'
checked "installed in a root of $(wc -l <names) packages, $(du -sm root | cut -f 1) MB: $(cat out)"
common_folders
expect_exit 0 env -u TMPDIR chroot root /usr/bin/mpirun -n 2 shardnet train \
    /usr/share/shardnet/configs/quickstart.ini --set data.source=synthetic \
    --set data.train_limit=2000 --set train.epochs=1 --out /tmp/run
expect_text out '^test +accuracy .* of 4000 correct'
checked "it trains there on 2 ranks"

expect_exit 0 dpkg --root="$scratch/root" --remove shardnet
left=$(find root -name '*shardnet*' ! -path 'root/var/*')
[ -z "$left" ] || wrong "removing the package leaves $left"
checked "removing the package leaves nothing"
