#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A wrong launch gives one line that names the rank, and exit code 78, or a warning.  The scripts
# in jobs/ start the right commands on the right number of cores.
set -euo pipefail
# shellcheck source=../lib/test.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../lib/test.sh"
setup_test "$@"
cd -- "$scratch"

write_config job.ini data.source=synthetic data.train_limit=600 model.hidden=8 train.epochs=1 \
    train.batch=60
write_config other.ini data.source=synthetic data.train_limit=600 model.hidden=8 train.epochs=1 \
    train.batch=64

# refused PATTERN COMMAND...: two ranks of one kind, and a third of another
refused() {
    expect_exit 78 "$mpirun" -n 2 "$program" train job.ini --out never "${common[@]}" : \
        -n 1 "${@:2}" --out never "${common[@]}"
    [ "$(grep -c '^shardnet:' err)" -eq 1 ] || wrong "not one line of error"
    expect_text err "^shardnet: error: $1"
    [ ! -e never ] || wrong "a run that is refused left a folder"
    checked "$1: exit 78"
}

common=()
refused "configuration: rank 2 on .* has 'batch = 64', rank 0 has 'batch = 60'; give every rank" \
    "$program" train other.ini
refused "configuration: rank 2 on .* has 'seed = 2', rank 0 has 'seed = 1'" \
    "$program" train job.ini --set train.seed=2
refused "configuration: rank 2 on .* has 'timeout_seconds = 0'" \
    "$program" train job.ini --set comm.timeout_seconds=0
refused "program: rank 2 on .* has 'another version', rank 0 has .*same program" \
    env SHARDNET_FAULT=preflight.version@2 "$program" train job.ini
refused "program: rank 2 on .* has 'oneDNN: (yes|no)', rank 0 has 'oneDNN: (yes|no)'; start the same program" \
    env SHARDNET_FAULT=preflight.libraries@2 "$program" train job.ini

# another type of processor; whichever this one is, it is not both
common=(--set comm.reduce=reproducible --set comm.leaves=4)
for type in Prescott Nehalem; do
    if ! OPENBLAS_CORETYPE=$type "$program" train job.ini --out types --quiet >/dev/null 2>&1 ||
        [ "$(uname -m)" != x86_64 ]; then
        lack_part "OPENBLAS_CORETYPE=$type: this OpenBLAS has no such kernels"
        continue
    fi
    rm -rf types
    refused "processors: rank 2 on .* has '.*$type.*', rank 0 has .*reproducible needs one type" \
        env OPENBLAS_CORETYPE=$type "$program" train job.ini
    expect_exit 0 "$mpirun" -n 1 "$program" train job.ini --out mixed-$type : \
        -n 1 env OPENBLAS_CORETYPE=$type "$program" train job.ini --out mixed-$type
    checked "processors of two types and plain sums: trains"
done

run "$program" train job.ini --out onednn "${common[@]}" --set compute.backend=onednn
if [ "$code" -eq 0 ] && grep -q '^blas .* AVX' out; then
    common+=(--set compute.backend=onednn)
    refused "processors: rank 2 on .* has 'oneDNN [0-9.]+', rank 0 has 'oneDNN [0-9.]+ AVX.*reproducible needs one type" \
        env ONEDNN_MAX_CPU_ISA=SSE41 "$program" train job.ini
else
    lack_part "oneDNN on two types of processor: no oneDNN, or no AVX2"
fi

# 100 KB per message: Open MPI would read it from the memory of the other rank
deny=$(dirname -- "$program")/tests/deny_memory_of_others
if "$deny" true; then
    expect_mpi_exit 0 2 "$deny" env -u OMPI_MCA_btl_vader_single_copy_mechanism \
        "$program" train job.ini --out denied --set model.hidden=200
    [ ! -s err ] || wrong "lines about the memory of other processes"
    checked "processes cannot read each other's memory: no line about it"
else
    lack_part "processes that cannot read each other's memory: this kernel has no seccomp filters"
fi

if ! command -v taskset >/dev/null; then
    skip_part "affinity masks: no taskset (Debian: util-linux)"
elif [ "$(cores)" -lt 2 ]; then
    lack_part "two ranks on one core of several: one core"
else
    core=$(taskset -cp $$ | sed 's/.*: *\([0-9]*\).*/\1/')
    expect_exit 0 taskset -c "$core" "$mpirun" -n 2 --bind-to none "$program" train job.ini --out bound
    expect_text err "^shardnet: warning: binding \(.*\): 2 ranks are bound to 1 core of [0-9]+; bind each rank"
    [ "$(grep -c '^shardnet:' err)" -eq 1 ] || wrong "not one line of warning"
    expect_mpi_exit 0 2 --bind-to none "$program" train job.ini --out free
    expect_no_text err '^shardnet:'
    checked "two ranks on one core of several: a warning"
fi

# two sockets of two cores of two hardware threads, numbered as Linux does
lscpu_lines() {
    printf '# CPU,CORE,SOCKET\n0,0,0\n1,1,0\n2,2,1\n3,3,1\n4,0,0\n5,1,0\n6,2,1\n7,3,1\n'
}
# same EXPECTED COMMAND...
same() {
    [ "$("${@:2}")" = "$1" ] || wrong "'$("${@:2}")' instead of '$1': ${*:2}"
}
for pair in 0-7:4 0,4:1 0-1,4-5:2 1,2:2 5-7:3 6:1 8:0 '':0; do
    same "${pair#*:}" cores_of "${pair%:*}" < <(lscpu_lines)
done
for version in "5 2" "5 0" "4 4"; do
    # shellcheck disable=SC2086
    (require_bash $version) || wrong "bash $version is refused"
done
for version in "4 3" "3 2"; do
    # shellcheck disable=SC2016,SC2086
    expect_exit 69 bash -c '. "$0/jobs/common.sh" && require_bash "$@"' "$source_root" $version
    expect_text err "bash ${version/ /.} is too old: bash 4\.4 or newer is needed"
done
checked "bash 4.4 or newer: accepted; an older one: exit 69"
if command -v taskset >/dev/null; then
    same 1 taskset -c "$(taskset -cp $$ | sed 's/.*: *\([0-9]*\).*/\1/')" \
        bash -c '. "$1" && cores' cores "$source_root/jobs/common.sh"
fi
checked "cores: those of the affinity mask"

for pair in '200000 100000:2' '150000 100000:1' '50000 100000:1' 'max 100000:0'; do
    printf '%s\n' "${pair%:*}" >cpu.max
    same "${pair#*:}" quota_of cpu.max
done
echo 100000 >cpu.cfs_period_us
for pair in 400000:4 20000:1 -1:0; do
    printf '%s\n' "${pair%:*}" >cpu.cfs_quota_us
    same "${pair#*:}" quota_of cpu.cfs_quota_us
done
same 0 quota_of no-such-file
checked "cores: no more than the quota of a cgroup, version 1 and 2"

# Slurm's variables without Slurm, and an mpirun that prints its arguments
mkdir bin
cat >bin/mpirun <<END
#!/bin/sh
echo "mpirun \$*" >>'$scratch/calls'
exec '$mpirun' "\$@"
END
chmod 755 bin/mpirun
export SHARDNET=$program SHARDNET_LAUNCHER=mpirun SLURM_JOB_ID=1 SLURM_JOB_NODELIST=here \
    SLURM_NNODES=1 SLURM_NTASKS=2 SLURM_SUBMIT_DIR=$scratch SLURM_CPUS_PER_TASK=2
PATH=$scratch/bin:$PATH
jobs=$source_root/jobs

# expect_parameters EXPECTED [NAME=VALUE]...: eager limit, algorithm, mtl and btl
expect_parameters() {
    same "$1" env -u OMPI_MCA_btl -u OMPI_MCA_btl_tcp_eager_limit -u OMPI_MCA_coll_libnbc_iallreduce_algorithm \
        -u OMPI_MCA_mtl -u OMPI_MCA_pml "${@:2}" bash -c '. "$1" && tune_open_mpi
            echo "$OMPI_MCA_btl_tcp_eager_limit $OMPI_MCA_coll_libnbc_iallreduce_algorithm \
${OMPI_MCA_mtl-unset} ${OMPI_MCA_btl-unset}"' parameters "$jobs/common.sh"
}
modules="unset unset"
if [ -z "$(compgen -G '/sys/class/infiniband/*')" ]; then
    modules="^psm,psm2,ofi ^ofi"
fi
expect_parameters "532480 ring $modules"
expect_parameters "7 ring psm ${modules#* }" OMPI_MCA_btl_tcp_eager_limit=7 OMPI_MCA_mtl=psm
expect_parameters "532480  unset ${modules#* }" OMPI_MCA_coll_libnbc_iallreduce_algorithm= OMPI_MCA_pml=cm
expect_parameters "532480 ring ${modules% *} tcp,self" OMPI_MCA_btl=tcp,self
checked "parameters of Open MPI: set where the environment has none"

expect_exit 0 bash "$jobs/train.sbatch" job.ini by-script
SCALING_EPOCHS=2 expect_exit 0 bash "$jobs/scaling.sbatch" job.ini 'my speeds'
[ "$(grep -c '^mpirun --bind-to none -n [12] ' calls)" -eq 4 ] ||
    wrong "other starts: $(cat calls)"
for script in train scaling; do
    SHARDNET_LAUNCHER=rsh expect_exit 64 bash "$jobs/$script.sbatch" job.ini refused-$script
    SHARDNET=$scratch/nothing expect_exit 66 bash "$jobs/$script.sbatch" job.ini refused-$script
    [ "$(wc -l <err)" -eq 1 ] || wrong "not one line of error"
done
checked "train and scaling by mpirun: threads of a rank are not bound to one core"

if ! command -v gnuplot >/dev/null; then
    skip_part "plots: no gnuplot"
else
    [ -s 'my speeds/scaling.png' ] || wrong "no plot in a folder whose name has a space"
fi
printf '#!/bin/sh\nexit 1\n' >bin/gnuplot
chmod 755 bin/gnuplot
SCALING_EPOCHS=2 expect_exit 0 bash "$jobs/scaling.sbatch" job.ini unplotted
expect_text out '^no plot: gnuplot failed; unplotted/scaling.csv has the numbers$'
checked "scaling: a folder with a space, a plot that fails"

# find_tree SCRIPT: prints its lines that find the source tree
find_tree() {
    sed -n '/^# Slurm runs a copy/,/^fi$/s/common\.sh/slurm.sh/g; /^# Slurm runs a copy/,/^fi$/p' "$jobs/$1.sbatch"
}
[ "$(find_tree train | wc -l)" -eq 10 ] || wrong "train.sbatch finds the source tree in other lines"
same "$(find_tree train)" find_tree scaling
same "$(find_tree train)" find_tree sweep
checked "train, scaling and sweep find the source tree in the same way"

# a launcher that ends with 0 before the run is finished
printf '#!/bin/sh\n[ "$1" = train ] || exec "%s" "$@"\n"%s" "$@" --set train.max_steps=1 || true\n' \
    "$program" "$program" >bin/interrupted
chmod 755 bin/interrupted
SHARDNET=$scratch/bin/interrupted SCALING_EPOCHS=2 expect_exit 70 bash "$jobs/scaling.sbatch" job.ini cut
expect_text err '^scaling.sbatch: cut/strong-1 is not finished$'
checked "scaling: a measurement that ends early is no result"
