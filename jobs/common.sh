# SPDX-License-Identifier: BSD-3-Clause
# Functions that the scripts of jobs/ and tests/ share; they source this file.
# shellcheck shell=bash

# awk, sort and printf must read and write numbers with a decimal point
export LC_ALL=C

source_root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)

say() {
    printf '== %s\n' "$*"
}

# fail CODE MESSAGE: prints the message and ends the script with CODE.  Schedulers run a copy of
# a script by another name than $script_name
fail() {
    printf '%s: %s\n' "${script_name:-${0##*/}}" "$2" >&2
    exit "$1"
}

# require_bash MAJOR MINOR: older versions treat an empty array as an unset variable
require_bash() {
    (($1 * 100 + $2 >= 404)) ||
        fail 69 "bash $1.$2 is too old: bash 4.4 or newer is needed; load a newer one, or install it (macOS: brew install bash)"
}
require_bash "${BASH_VERSINFO[0]}" "${BASH_VERSINFO[1]}"

# print_usage: prints the comment at the top of the script that runs
print_usage() {
    awk 'NR == 1 || /^# SPDX-/ { next } !/^#/ { exit } { sub(/^# ?/, ""); print }' "$0"
}

# offer_help WORD...: prints the usage and ends the script if the first word asks for it
offer_help() {
    case ${1-} in
    -h | --help) print_usage && exit 0 ;;
    esac
}

# show WORD...: prints a command in a form that can be pasted
show() {
    local line
    line=$(printf '%q ' "$@")
    printf '  %s\n' "${line% }"
}

# processors: prints the number of processors in the affinity mask; nproc alone would obey
# OpenMP's variables
processors() {
    env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc
}

# cores_of MASK: prints the number of cores that the processors MASK, such as 0-3,8, belong
# to; reads the output of lscpu -p=CPU,CORE,SOCKET
cores_of() {
    awk -F, -v mask="$1" '
        BEGIN {
            count = split(mask, part, ",")
            for (i = 1; i <= count; i++) {
                ends = split(part[i], end, "-")
                for (cpu = end[1] + 0; cpu <= end[ends] + 0; cpu++) allowed[cpu]
            }
        }
        /^[0-9]/ && ($1 + 0) in allowed && !(($2, $3) in seen) { seen[$2, $3]; cores++ }
        END { print cores + 0 }'
}

# quota_of FILE: prints the number of processors that a cgroup may use, rounded down to 1 or
# more, from its cpu.max (version 2) or cpu.cfs_quota_us (version 1); 0 if it has no limit
quota_of() {
    local quota=max period=0
    if [ -r "$1" ]; then
        read -r quota period <"$1" || true
        if [ -z "$period" ]; then
            read -r period <"${1%quota_us}period_us" || true
        fi
    fi
    if ! [[ "$quota $period" =~ ^[1-9][0-9]*\ [1-9][0-9]*$ ]]; then
        echo 0
    else
        echo $((quota < period ? 1 : quota / period))
    fi
}

# cores: prints the number of cores; fewer than processors if a core runs two hardware
# threads or a container has a quota
cores() {
    local cores count mask
    cores=$(processors)
    mask=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status 2>/dev/null) || mask=
    for count in "$(lscpu -p=CPU,CORE,SOCKET 2>/dev/null | cores_of "$mask")" \
        "$(quota_of /sys/fs/cgroup/cpu.max)" \
        "$(quota_of /sys/fs/cgroup/cpu/cpu.cfs_quota_us)"; do
        if ((count > 0 && count < cores)); then
            cores=$count
        fi
    done
    echo "$cores"
}

# absolute PATH: prints PATH relative to the working folder as an absolute path
absolute() {
    realpath -m -- "$1"
}

# allow_mpirun_as_root: Open MPI's mpirun refuses to run as root without both variables
allow_mpirun_as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    fi
}

# these variables of Open MPI 4 and 5 permit more ranks than cores
oversubscription=(OMPI_MCA_rmaps_base_oversubscribe=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe)

allow_oversubscription() {
    export "${oversubscription[@]}"
}

# tune_open_mpi: exports parameters that help Open MPI; values of the environment stay
tune_open_mpi() {
    local device library pair name
    # mpirun gives up an unreachable node after 25 seconds instead of 8 minutes
    for library in OMPI PRTE; do # Open MPI 4, 5
        for pair in time=10 intvl=5 probes=3; do
            name=${library}_MCA_oob_tcp_keepalive_${pair%=*}
            export "$name=${!name:-${pair#*=}}"
        done
    done
    # comm.reduce = overlap: a ring for every number of ranks; over TCP, buckets of up to
    # 520 KiB are sent without a handshake
    export OMPI_MCA_coll_libnbc_iallreduce_algorithm="${OMPI_MCA_coll_libnbc_iallreduce_algorithm-ring}"
    export OMPI_MCA_btl_tcp_eager_limit="${OMPI_MCA_btl_tcp_eager_limit-532480}"
    for device in /sys/class/infiniband/* /sys/class/cxi /dev/kgni0 /dev/ipath* /dev/hfi1_0; do
        [ ! -e "$device" ] || return 0
    done
    # nodes without RDMA: these modules cost 0.2 s per start, and Open MPI 5 1.2 s
    if [ -z "${OMPI_MCA_mtl+set}${OMPI_MCA_pml+set}" ]; then
        export OMPI_MCA_mtl=^psm,psm2,ofi
    fi
    export OMPI_MCA_btl="${OMPI_MCA_btl-^ofi}"
}

# mpirun_of FOLDER: prints the mpirun of the MPI that the program in a build folder uses
mpirun_of() {
    local found
    found=$(sed -n 's/^MPIEXEC_EXECUTABLE:[A-Z]*=//p' "$1/CMakeCache.txt" 2>/dev/null)
    if [ -x "$found" ]; then
        echo "$found"
    else
        echo mpirun
    fi
}

# check_build_folder PRESET: stops if this user cannot write to the build folder
check_build_folder() {
    local folder=$source_root/build/$1
    while [ ! -e "$folder" ]; do
        folder=${folder%/*}
    done
    if [ ! -w "$folder" ]; then
        fail 73 "cannot build: $folder is not writable by $(id -un); copy the source tree to a folder of your own"
    fi
}

# build PRESET: configures and builds with all processors; prints only errors
build() {
    local preset=$1 log
    check_build_folder "$preset"
    log=$(mktemp)
    if ! (
        cd -- "$source_root"
        cmake --preset "$preset" && cmake --build --preset "$preset" --parallel "$(processors)"
    ) >"$log" 2>&1; then
        cat -- "$log" >&2
        rm -f -- "$log"
        fail 70 "the build of preset '$preset' failed, see above"
    fi
    rm -f -- "$log"
}

# find_program: prints the program in SHARDNET; if that is not set, the release build, or the
# program on the PATH
find_program() {
    local program=${SHARDNET:-$source_root/build/release/shardnet}
    command -v "$program" || { [ -z "${SHARDNET-}" ] && command -v shardnet; } ||
        fail 66 "no program $program: build it, or set SHARDNET"
}
