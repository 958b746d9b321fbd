#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The installed files: programs in C and C++ of somebody else's, which find the package by
# CMake and by pkg-config, train, evaluate and predict; nothing but the public interface is
# visible; uninstalling leaves nothing.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

build_folder=$(dirname -- "$program")
sanitize=$(sed -n 's/^SHARDNET_SANITIZE:[A-Z]*=//p' "$build_folder/CMakeCache.txt")
flags=${sanitize:+-fsanitize=$sanitize}

expect_exit 0 cmake --install "$build_folder" --prefix "$scratch/prefix"
cp -- "$build_folder/install_manifest.txt" manifest
expect_exit 0 prefix/bin/shardnet --version
checked "cmake --install: $(cat out)"

headers=$(cd prefix/include && find . -type f | sort | tr -d '\n')
[ "$headers" = "$(printf './shardnet/%s.h' comm config model shardnet status train version)" ] ||
    wrong "the installed headers are $headers"
for file in shardnet/{configs/quickstart.ini,jobs/train.sbatch} \
    doc/shardnet/{README.md,LICENSE,CHANGELOG.md} man/man1/shardnet.1 \
    bash-completion/completions/shardnet zsh/site-functions/_shardnet; do
    [ -e "prefix/share/$file" ] || wrong "no share/$file"
done
[ -x prefix/share/shardnet/jobs/chain.sh ] || wrong "chain.sh cannot be executed"
checked "seven headers, configurations, job scripts, documents, man page, completions"

# --- what the shared library shows
pc=$(find prefix -name shardnet.pc)
libraries=$(dirname -- "$(dirname -- "$pc")")
nm -D --defined-only "$libraries/libshardnet.so" | awk '{ print $NF }' | sort >visible
sed -n 's/^SN_API .*\(sn_[a-z0-9_]*\)(.*/\1/p' prefix/include/shardnet/*.h | sort >declared
[ "$(wc -l <declared)" -gt 20 ] || wrong "the headers declare $(wc -l <declared) functions"
if [ -z "$sanitize" ]; then # those builds show functions of their own
    diff declared visible >out || wrong "other functions are visible than the headers declare"
    checked "nm: the $(wc -l <declared) functions of the public headers, nothing else"
fi
readelf -d "$libraries/libshardnet.so" >out
expect_text out 'SONAME.*\[libshardnet\.so\.[0-9]+\]'

# --- find_package
expect_exit 0 cmake -S "$source_root/tests/install" -B consumer \
    -DCMAKE_PREFIX_PATH="$scratch/prefix" -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_FLAGS="$flags"
expect_exit 0 cmake --build consumer
for kind in train predict; do
    readelf -d consumer/${kind}_shardnet >out
    expect_text out 'NEEDED.*libshardnet\.so'
    readelf -d consumer/${kind}_static >out
    expect_no_text out 'NEEDED.*libshardnet'
done
checked "find_package(shardnet): programs in C and C++ with the shared and the static library"

for library in shardnet static; do
    expect_mpi_exit 0 3 consumer/train_$library run-$library
    line='^trained: ([0-9]+ of 4000) correct after 96 steps on 2 ranks of 3; evaluated: '
    expect_text out "$line"
    [ "$(sed -E "s/$line.*/\1/" out)" = "$(sed -E "s/$line//" out)" ] ||
        wrong "the evaluation of the loaded model differs from that of the training"
    [ -e run-$library/checkpoints/step-00000096.h5 ] || wrong "no checkpoint"
done
checked "they train on 2 ranks of 3, a communicator of their own, and evaluate: $(cat out)"

# --- pkg-config
export PKG_CONFIG_PATH=$scratch/${pc%/*}
by_pkg_config() { # PROGRAM LIBRARY-OPTION PKG-CONFIG-OPTION...
    local options
    options=$(pkg-config --cflags --libs "${@:3}" shardnet) || wrong "pkg-config: ${*:3}"
    # shellcheck disable=SC2086
    expect_exit 0 c++ -std=c++11 $flags -o "$1" "$source_root/tests/install/embed.cpp" \
        ${options/-lshardnet/$2} "-Wl,-rpath,$(pkg-config --variable=libdir shardnet)"
}
by_pkg_config shared -lshardnet
by_pkg_config static -l:libshardnet.a --static
readelf -d static >out
expect_no_text out 'NEEDED.*libshardnet'

expect_exit 0 prefix/bin/shardnet data synth digits
images=digits/t10k-images-idx3-ubyte
expect_exit 0 prefix/bin/shardnet predict run-shardnet $images
cut -f 3-6 out >wanted
[ "$(wc -l <wanted)" -gt 1000 ] || wrong "predict gives $(wc -l <wanted) lines"
for predictor in consumer/predict_shardnet consumer/predict_static ./shared ./static; do
    expect_exit 0 env OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $predictor run-shardnet $images
    cmp out wanted >/dev/null || wrong "$predictor: other results than predict's"
done
expect_exit 66 ./shared absent $images
checked "C++ programs by find_package and pkg-config predict as \`predict\` does: $(
    wc -l <wanted) images"

# --- uninstall
cp -- manifest "$build_folder/install_manifest.txt"
expect_exit 0 cmake --build "$build_folder" --target uninstall
left=$(find prefix ! -type d)
[ -z "$left" ] || wrong "uninstall leaves $left"
[ ! -e prefix/share/shardnet ] || wrong "uninstall leaves empty folders"
[ ! -e "$build_folder/install_manifest.txt" ] || wrong "uninstall leaves its manifest"
checked "uninstall removes all $(wc -l <manifest) files"
