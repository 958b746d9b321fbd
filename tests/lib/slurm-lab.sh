#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A temporary real Slurm on one machine, for the tests of tests/cluster.
#
#     slurm-lab.sh up [NODES] [CPUS]   slurmctld, NODES slurmd and munged, in a network
#                                      namespace of their own that has nothing but "lo"
#     slurm-lab.sh env                 commands to eval before sbatch, srun, squeue ...
#     slurm-lab.sh crash NODE          power failure of a node
#     slurm-lab.sh freeze NODE         a node that no longer answers: its processes stop
#     slurm-lab.sh boot NODE           and its return
#     slurm-lab.sh down
#
# Needs root and no systemd.  Everything lies in SLURM_LAB_DIR, a short path.  Slurm gives a
# silent node up after SLURM_LAB_TIMEOUT seconds (120).  Partitions: lab (default), and low,
# whose jobs an exclusive job in lab preempts by requeueing.
set -euo pipefail

lab=$(realpath -m "${SLURM_LAB_DIR:?a folder to be made}")
PATH=$PATH:/usr/sbin:/sbin

stop() {
    echo "slurm-lab: $*" >&2
    exit 1
}

# wait_until SECONDS COMMAND...
wait_until() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

# members KIND NAMESPACE: prints the processes in this namespace
members() {
    find /proc/[0-9]*/ns/"$1" -lname "${2/\[/\\[}" 2>/dev/null | cut -d/ -f3 || true
}

has_no_members() {
    [ -z "$(members "$@")" ]
}

# inside COMMAND...: runs it inside the lab's namespaces
inside() {
    nsenter -t "$(<"$lab/holder.pid")" -n -u -m --wd="$lab" -- "$@"
}

print_environment() {
    cat <<END
export SLURM_LAB_DIR='$lab' SLURM_CONF='$lab/slurm.conf' PATH='$lab/bin':"\$PATH"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_orte_tmpdir_base='$lab/tmp' OMPI_MCA_pml=ob1 OMPI_MCA_btl=self,vader,tcp
export OMPI_MCA_btl_tcp_if_include=lo OMPI_MCA_oob_tcp_if_include=lo
export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_hwloc_base_binding_policy=none
END
}

nodes_idle() {
    (($(timeout 5 sinfo -hN -t idle -o %N 2>/dev/null | sort -u | wc -l) == $1))
}

boot() {
    rm -rf "${lab:?}/$1"
    mkdir -p "$lab/$1"/{spool,tmp}
    inside unshare -u -m sh -c "hostname $1 && readlink /proc/self/ns/uts >run/$1.uts &&
        mount -t tmpfs -o mode=1777 shm /dev/shm && exec slurmd -N $1 -f $lab/slurm.conf"
}

# crash NODE: srun has a second process, which cancels the step if srun dies before it.  Hence
# these end first; a signal to stop would not do, since the kernel wakes stopped orphans.
crash() {
    local all
    all=$(members uts "$(<"$lab/run/$1.uts")")
    ps -o pid=,ppid=,comm= -p "$(paste -sd, <<<"$all")" | awk '
        { name[$1] = $3; parent[$1] = $2 }
        END { for (p in name) if (name[p] == "srun" && name[parent[p]] == "srun") print p }' |
        xargs -r kill -KILL || true # a process may end by itself
    xargs -r kill -KILL <<<"$all" || true
    members uts "$(<"$lab/run/$1.uts")" | xargs -r kill -KILL || true # younger ones
}

freeze() {
    members uts "$(<"$lab/run/$1.uts")" | xargs -r kill -STOP
}

write_configuration() {
    local nodes=$1 cpus=$2 i
    echo CgroupPlugin=cgroup/v1 >"$lab/cgroup.conf" # stops the detection of cgroups
    echo 127.0.0.1 localhost >"$lab/hosts"
    cat >"$lab/slurm.conf" <<END
ClusterName=lab
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthInfo=socket=$lab/run/munge.sock,cred_expire=10
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation=$lab/state
SlurmdSpoolDir=$lab/%n/spool
TmpFS=$lab/%n/tmp
SlurmctldPidFile=$lab/run/slurmctld.pid
SlurmdPidFile=$lab/run/%n.pid
SlurmctldLogFile=$lab/log/slurmctld.log
SlurmdLogFile=$lab/log/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobCompType=jobcomp/filetxt
JobCompLoc=$lab/log/jobcomp.txt
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,bf_interval=1,sched_interval=1,nohold_on_prolog_fail
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
SlurmdParameters=config_overrides
SlurmdTimeout=${SLURM_LAB_TIMEOUT:-120}
UnkillableStepTimeout=600
ReturnToService=2
JobRequeue=1
KillWait=30
MailProg=/bin/true
END
    for ((i = 1; i <= nodes; i++)); do
        echo "127.0.0.1 node$i" >>"$lab/hosts"
        echo "NodeName=node$i NodeAddr=127.0.0.1 Port=$((6820 + i)) CPUs=$cpus RealMemory=65536"
    done >>"$lab/slurm.conf"
    cat >>"$lab/slurm.conf" <<END
PartitionName=lab Nodes=ALL Default=YES PriorityTier=10
PartitionName=low Nodes=ALL PriorityTier=1 GraceTime=30
END
}

# Writes Slurm's commands so that they run inside the lab from anywhere.
write_wrappers() {
    local command
    cat >"$lab/bin/wrap" <<END
#!/bin/sh
e=
[ "\$(readlink /proc/self/ns/net)" = "$(<"$lab/netns")" ] || e="nsenter -t $1 -n -u --"
exec \$e /usr/bin/\${0##*/} "\$@"
END
    chmod 755 "$lab/bin/wrap"
    for command in sbatch srun salloc squeue sinfo scancel scontrol; do
        ln -s wrap "$lab/bin/$command"
    done
}

up() {
    local nodes=${1:-2} cpus=${2:-2} i holder
    ((${#lab} <= 60)) || stop "SLURM_LAB_DIR is too long for the names of sockets"
    [ -z "$(ls -A "$lab" 2>/dev/null)" ] || stop "$lab is not empty"
    # shellcheck disable=SC2154
    trap 'code=$?; ((!code)) || { tail -n 5 "$lab"/log/* >&2; down; }; exit $code' EXIT
    mkdir -p "$lab"/{bin,log,run,state,tmp}
    chmod 755 "$lab"
    (umask 077 && head -c 1024 /dev/urandom >"$lab/munge.key")
    write_configuration "$nodes" "$cpus"
    # 127.0.0.2 since name look-ups with AI_ADDRCONFIG do not count 127.0.0.1
    setsid unshare -n -u -m sh -c "hostname localhost && mount --bind $lab/hosts /etc/hosts &&
        ip link set lo up && ip addr add 127.0.0.2/8 dev lo &&
        readlink /proc/self/ns/net >$lab/netns && exec sleep infinity" \
        </dev/null >"$lab/log/holder.log" 2>&1 &
    holder=$!
    echo "$holder" >"$lab/holder.pid"
    wait_until 30 test -s "$lab/netns" || stop "no namespaces can be made"
    write_wrappers "$holder"
    inside munged --force --num-threads=2 --key-file="$lab/munge.key" \
        --socket="$lab/run/munge.sock" --pid-file="$lab/run/munged.pid" \
        --log-file="$lab/log/munged.log" --seed-file="$lab/run/munged.seed"
    inside slurmctld -i -f "$lab/slurm.conf"
    for ((i = 1; i <= nodes; i++)); do
        boot "node$i"
    done
    eval "$(print_environment)"
    wait_until 120 nodes_idle "$nodes" || stop "the nodes did not come up"
}

down() {
    [ -e "$lab/slurm.conf" ] || return 0
    local network signal
    network=$(cat "$lab/netns" 2>/dev/null || true)
    if [ -z "$network" ]; then # it never came up
        rm -rf "$lab"
        return 0
    fi
    [ "$network" != "$(readlink /proc/self/ns/net)" ] || stop "down must be run outside the lab"
    for signal in TERM KILL; do # everything in the lab's network is the lab's
        members net "$network" | xargs -r kill "-$signal" 2>/dev/null || true
        if wait_until 3 has_no_members net "$network"; then
            rm -rf "$lab"
            return 0
        fi
    done
    stop "processes are left: $(members net "$network")"
}

case ${1-} in
up | down | crash | freeze | boot) "$@" ;;
env) print_environment ;;
*) stop "up [NODES] [CPUS] | env | crash NODE | freeze NODE | boot NODE | down" ;;
esac
