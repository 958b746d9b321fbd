#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Puts one fault at a time into a copy of the source tree and expects that a test fails.
#
#     tests/mutants/run.sh [--check[=BUILD]] [PATCH...]
#
# Each PATCH (default: every patch in this folder) names in its first line the tests that are
# expected to notice the fault, as a regular expression of CTest.  If none of them fails, all
# tests with the labels unit, mpi and cli run.  Prints one line per patch: killed, or SURVIVED.
# The exit code is 1 if a patch survives, does not apply or does not build.
#     --check  only check that each patch applies to the source tree, and that the build
#              folder BUILD has a test that it names
# The copy and its build folder are build/mutants; they are kept for the next call.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=../../jobs/common.sh
. "$here/../../jobs/common.sh"

folder=$source_root/build/mutants
tree=$folder/tree
fewest=60 # patches

offer_help "$@"
mode=run build=
case ${1-} in
--check | --check=*)
    mode=check build=${1#--check} build=${build#=}
    shift
    ;;
esac
patches=("$@")
if [ ${#patches[@]} -eq 0 ]; then
    patches=("$here"/*.patch)
    ((${#patches[@]} >= fewest)) || fail 1 "${#patches[@]} patches instead of $fewest or more"
fi

# tests_of PATCH: prints the regular expression of the tests that must notice the fault
tests_of() {
    sed -n '1s/^tests: //p' "$1"
}

# file_of PATCH: prints the file that it changes
file_of() {
    sed -n 's/^+++ b\///p' "$1"
}

# apply TREE PATCH [OPTION...]
apply() {
    patch -d "$1" -p1 -F3 -f -s --no-backup-if-mismatch "${@:3}" <"$2"
}

# check_tests BUILD: each patch names at least one test of this build folder
check_tests() {
    local names patch bad=0
    names=$(ctest --test-dir "$1" -N -LE long | sed -n 's/^ *Test *#[0-9]*: //p')
    for patch in "${patches[@]}"; do
        if ! grep -Eq -- "$(tests_of "$patch")" <<<"$names"; then
            echo "no test has the name $(tests_of "$patch"): ${patch##*/}"
            bad=1
        fi
    done
    return "$bad"
}

# check_patches: each patch names its tests and applies to the source tree
check_patches() {
    local patch bad=0
    for patch in "${patches[@]}"; do
        if [ -z "$(tests_of "$patch")" ]; then
            echo "no expected tests in the first line: ${patch##*/}"
            bad=1
        elif ! apply "$source_root" "$patch" --dry-run; then
            echo "does not apply: ${patch##*/}"
            bad=1
        fi
    done
    return "$bad"
}

# in_tree COMMAND...: with a low priority
in_tree() {
    (cd -- "$tree" && nice "$@")
}

run_ctest() {
    in_tree ctest --test-dir build --no-tests=error -LE long "$@"
}

build_tree() {
    in_tree cmake --build build --parallel "$(processors)" "$@" >"$folder/build.log" 2>&1
}

# copy_tree: copies only the files that differ, so that little is built again
copy_tree() {
    local file
    while IFS= read -r -d '' file; do
        if ! cmp -s "$source_root/$file" "$tree/$file"; then
            mkdir -p "$tree/${file%/*}"
            cp --preserve=mode -- "$source_root/$file" "$tree/$file"
        fi
    done < <(cd -- "$source_root" && find . \( -path ./build -o -name .git \) -prune -o -type f -print0)
    if ! in_tree cmake --preset dev -B build -DSHARDNET_WERROR=OFF >"$folder/build.log" 2>&1 || ! build_tree; then
        cat "$folder/build.log"
        fail 70 "the unchanged tree does not build"
    fi
}

# targets_of REGEX: prints what these tests run, as targets of the build
targets_of() {
    run_ctest -R "$1" --show-only=json-v1 | python3 -c '
import json, os, re, sys
words = [word for test in json.load(sys.stdin)["tests"] for word in test["command"]]
names = {re.sub("^lib(.*)[.]so$", r"\1", os.path.basename(word)) for word in words if word.startswith(sys.argv[1] + "/")}
print(*sorted("shardnet_program shardnet_manual" if name == "shardnet" else name for name in names))
' "$tree/build"
}

# try_tests ARGUMENT...: prints the name of a test that fails; 1 if none does
try_tests() {
    local failed=$tree/build/Testing/Temporary/LastTestsFailed.log
    rm -f -- "$failed" # CTest keeps that of an earlier call if it runs no test
    if run_ctest -j "$(processors)" --stop-on-failure --output-on-failure "$@" >"$folder/test.log" 2>&1; then
        return 1
    fi
    [ -s "$failed" ] || fail 70 "CTest runs no test; see $folder/test.log"
    sed -n '1s/^[0-9]*://p' "$failed"
}

# try_patch PATCH: prints the result; 1 unless a test notices it
try_patch() {
    local tests targets killer name=${1##*/}
    tests=$(tests_of "$1")
    apply "$tree" "$1" || { echo "DOES NOT APPLY  $name" && return 1; }
    read -r -a targets <<<"$(targets_of "$tests")"
    # scripts of jobs/ are tested without a build
    if ! build_tree ${targets[@]+--target "${targets[@]}"}; then
        echo "DOES NOT BUILD  $name"
        return 1
    fi
    if killer=$(try_tests -R "$tests"); then
        echo "killed    $name: $killer"
    elif build_tree && killer=$(try_tests -L '^(unit|mpi|cli)$'); then
        echo "killed    $name: $killer, not by the expected $tests"
    else
        echo "SURVIVED  $name"
        return 1
    fi
}

if [ "$mode" = check ]; then
    check_patches
    [ -z "$build" ] || check_tests "$build"
    echo "ok: ${#patches[@]} patches apply"
    exit
fi

allow_mpirun_as_root
allow_oversubscription
copy_tree
check_tests "$tree/build"
expected=$(for patch in "${patches[@]}"; do tests_of "$patch"; done | sort -u | paste -sd '|')
if killer=$(try_tests -R "$expected"); then
    cat "$folder/test.log"
    fail 70 "$killer fails in the unchanged tree"
fi
failed=0
for patch in "${patches[@]}"; do
    try_patch "$patch" || failed=1
    cp -- "$source_root/$(file_of "$patch")" "$tree/$(file_of "$patch")"
done
exit "$failed"
