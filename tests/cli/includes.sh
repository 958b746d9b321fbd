#!/usr/bin/env bash
# Includes point only in the direction cli -> train -> store, dist -> nn, data -> base, and
# every foreign library is seen by one module alone.
set -euo pipefail

# check TREE: prints every include that must not be; fails when there is one.
# The module of src/M/... is M; of shardnet/NAME.h the M that has src/M/NAME.c, and base
# where there is none.
check() {
    (
        cd -- "$1"
        find src include -name '*.[ch]' | sort | xargs -d '\n' awk '
        function module_of_header(name,    pair, i, count) {
            if (name in owner) return owner[name]
            return "base"
        }
        function complain(why) {
            printf "%s:%d: %s\n", FILENAME, FNR, why
            wrong = 1
        }
        BEGIN {
            allowed["base"] = " base "
            allowed["nn"] = " nn base "
            allowed["data"] = " data base "
            allowed["store"] = " store nn data base "
            allowed["dist"] = " dist nn data base "
            allowed["train"] = " train store dist nn data base "
            allowed["cli"] = " cli train store dist nn data base "
            for (i = 1; i < ARGC; i++) {
                if (split(ARGV[i], part, "/") == 3 && part[1] == "src" && part[3] ~ /\.c$/) {
                    name = substr(part[3], 1, length(part[3]) - 2)
                    if (part[2] != "cli") owner[name] = part[2]
                }
            }
        }
        FNR == 1 {
            split(FILENAME, part, "/")
            base = part[3]
            sub(/\.h$/, "", base)
            module = part[1] == "src" ? part[2] : module_of_header(base)
            if (!(module in allowed)) complain("no such module: " module)
        }
        /^[ \t]*#[ \t]*include/ {
            target = $0
            sub(/^[ \t]*#[ \t]*include[ \t]*/, "", target)
            system_header = target ~ /^</
            target = substr(target, 2)
            sub(/[>"].*$/, "", target)
            split(target, part, "/")
            if (target == "mpi.h" || target == "shardnet/comm_mpi.h") {
                if (FILENAME !~ /^(src\/dist\/.*|src\/cli\/main.c|include\/shardnet\/comm_mpi.h)$/)
                    complain(target " belongs to dist")
            } else if (target ~ /^(hdf5|hdf5_hl|H5[A-Za-z]*)\.h$/) {
                if (module != "store") complain("hdf5.h belongs to store")
            } else if (target ~ /^(cblas|openblas_config|dnnl|dnnl_[a-z_]*|oneapi\/dnnl\/.*)(\.h)?$/) {
                if (FILENAME !~ /^src\/nn\/gemm[^\/]*$/) complain(target " belongs to nn/gemm")
            } else if (target == "png.h") {
                if (FILENAME !~ /^src\/(data\/image_png|cli\/png_write)\.c$/)
                    complain(target " belongs to data/image_png and cli/png_write")
            } else if (!system_header) {
                name = part[2]
                sub(/\.h$/, "", name)
                other = part[1] == "shardnet" ? module_of_header(name) : part[1]
                if (!(other in allowed)) complain("include of an unknown place: " target)
                else if (index(allowed[module], " " other " ") == 0)
                    complain(module " must not include " target ", which belongs to " other)
            }
        }
        END { exit wrong }'
    )
}

# expect_caught FILE INCLUDE: a copy of the tree with this one include more
expect_caught() {
    rm -rf -- "$scratch/copy"
    mkdir -- "$scratch/copy"
    cp -R -- "$root/src" "$root/include" "$scratch/copy"
    printf '#include %s\n' "$2" >>"$scratch/copy/$1"
    if check "$scratch/copy" >"$scratch/out" 2>&1; then
        echo "FAILED: $2 in $1 is not caught"
        exit 1
    fi
    if ! grep -q "^$1:" "$scratch/out"; then
        echo "FAILED: the complaint about $2 does not name $1:"
        cat -- "$scratch/out"
        exit 1
    fi
    echo "ok: $2 in $1 is caught"
}

if [ $# -ne 1 ] || [ ! -d "$1/src" ] || [ ! -d "$1/include" ]; then
    echo "usage: includes.sh SOURCE-FOLDER" >&2
    exit 64
fi
root=$1
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT

check "$root" || exit 1
echo "ok: every include of src/ and include/ points the right way"

expect_caught src/base/mem.c '"shardnet/net.h"'
expect_caught src/nn/net.c '"shardnet/idx.h"'
expect_caught src/data/idx.c '"shardnet/net.h"'
expect_caught src/nn/net.c '"shardnet/comm.h"'
expect_caught src/dist/comm.c '"shardnet/checkpoint.h"'
expect_caught src/store/checkpoint.c '"shardnet/comm.h"'
expect_caught src/store/metrics.c '"train/state.h"'
expect_caught src/train/trainer.c '"cli/job.h"'
expect_caught src/train/trainer.c '<mpi.h>'
expect_caught src/train/trainer.c '"shardnet/comm_mpi.h"'
expect_caught include/shardnet/comm.h '<mpi.h>'
expect_caught src/train/trainer.c '<hdf5.h>'
expect_caught src/nn/net.c '<cblas.h>'
expect_caught src/data/idx.c '<png.h>'
expect_caught include/shardnet/net.h '"shardnet/trainer.h"'
expect_caught include/shardnet/status.h '"shardnet/idx.h"'
