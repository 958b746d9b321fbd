#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Several hosts on one machine, for Open MPI: each is a network namespace with a hostname.
#
#     net-lab.sh up HOSTS [DELAY_MS [RATE]]     h1, h2 ... and head, where mpirun runs
#     net-lab.sh mpirun ARGUMENT...             becomes mpirun: signals and exit code are its own
#     net-lab.sh link HOST up|down [data|control|both]
#     net-lab.sh pids HOST                      the processes of a host
#     net-lab.sh crash HOST                     power failure: links down, kill -9 of all
#     net-lab.sh down
#
# Every host has eth0 (10.77.0.0/24, for MPI, DELAY_MS one way and RATE as tc knows it) and
# ctl0 (10.78.0.0/24, for mpirun and its daemons, unshaped; host names mean this one).
# Needs root.  Everything lies in NET_LAB_DIR and in namespaces that carry its name;
# NET_LAB_SWITCH is the program delay_switch, NET_LAB_SLOTS the slots per host (1).
set -euo pipefail

lab=$(realpath -m "${NET_LAB_DIR:?a folder to be made}")
prefix=${lab##*/}
PATH=$PATH:/usr/sbin:/sbin

stop() {
    echo "net-lab: $*" >&2
    exit 1
}

# enter HOST COMMAND...: replaces this process by the command in the host's network, with its
# hostname and the addresses of all hosts
enter() {
    local host=$1
    shift
    # shellcheck disable=SC2016
    exec ip netns exec "$prefix-$host" unshare --uts -- sh -c '
        hostname "$1" && mount --bind "$2" /etc/hosts && shift 2 && exec "$@"' \
        sh "$host" "$lab/hosts" "$@"
}

add_namespace() {
    ip netns add "$prefix-$1"
    echo "$1" >>"$lab/namespaces"
    ip -n "$prefix-$1" link set lo up
}

# add_host NUMBER NAME DELAY RATE
add_host() {
    local number=$1 host=$2 delay=$3 rate=$4 side
    add_namespace "$host"
    ip -n "$prefix-$host" link add eth0 address "02:00:00:00:00:$(printf %02x "$number")" \
        type veth peer name "data$number" netns "$prefix-switch"
    ip -n "$prefix-$host" link add ctl0 type veth peer name "control$number" netns "$prefix-switch"
    ip -n "$prefix-$host" addr add "10.77.0.$((number + 1))/24" dev eth0
    ip -n "$prefix-$host" addr add "10.78.0.$((number + 1))/24" dev ctl0
    for side in eth0 ctl0; do
        ip -n "$prefix-$host" link set $side up
    done
    for side in data control; do
        ip -n "$prefix-switch" link set "$side$number" up
    done
    ip -n "$prefix-switch" link set "control$number" master control
    if [ "$delay" = 0 ]; then
        ip -n "$prefix-switch" link set "data$number" master data
    fi
    if [ "$rate" != 0 ] && [ "$number" != 0 ]; then
        tc -n "$prefix-$host" qdisc add dev eth0 root tbf rate "$rate" burst 128kb limit 4mb
        tc -n "$prefix-switch" qdisc add dev "data$number" root tbf rate "$rate" \
            burst 128kb limit 4mb
    fi
    echo "10.78.0.$((number + 1)) $host" >>"$lab/hosts"
    if [ "$number" != 0 ]; then
        echo "$host slots=${NET_LAB_SLOTS:-1}" >>"$lab/hostfile"
    fi
}

# mpirun calls the agent instead of ssh: agent HOST COMMAND; its environment is as bare as sshd's
write_agent() {
    cat >"$lab/agent" <<END
#!/usr/bin/env bash
host=\$1
shift
code=0
env -i PATH="\$PATH" HOME="\$HOME" USER=root NET_LAB_DIR='$lab' \
    '$(realpath -- "$0")' enter "\$host" sh -c "\$*" || code=\$?
# ssh does not notice either that a host has lost its power
while [ \$code = 137 ] && kill -0 \$PPID 2>/dev/null; do
    sleep 0.2
done
exit \$code
END
    chmod 755 "$lab/agent"
}

up() {
    local hosts=$1 delay=${2:-0} rate=${3:-0} number ports=()
    [ ! -e "$lab" ] || stop "$lab exists"
    # shellcheck disable=SC2154
    trap 'code=$?; ((!code)) || down; exit $code' EXIT
    mkdir -p "$lab/tmp"
    echo 127.0.0.1 localhost >"$lab/hosts"
    : >"$lab/hostfile"
    write_agent
    add_namespace switch
    for number in data control; do
        ip -n "$prefix-switch" link add name $number type bridge
        ip -n "$prefix-switch" link set $number up
    done
    # a firewall must not see bridged frames
    ip netns exec "$prefix-switch" sh -c 'for table in arptables iptables ip6tables; do
        echo 0 >/proc/sys/net/bridge/bridge-nf-call-$table; done' 2>/dev/null || true
    add_host 0 head "$delay" "$rate"
    for ((number = 1; number <= hosts; number++)); do
        add_host "$number" "h$number" "$delay" "$rate"
    done
    if [ "$delay" != 0 ]; then
        for ((number = 0; number <= hosts; number++)); do
            ports+=("data$number")
        done
        setsid ip netns exec "$prefix-switch" "${NET_LAB_SWITCH:?the program delay_switch}" \
            "$(awk "BEGIN { print 1000 * $delay }")" "${ports[@]}" \
            >"$lab/switch.log" 2>&1 </dev/null &
        sleep 0.3
        kill -0 $! || stop "no switch: $(<"$lab/switch.log")"
    fi
}

down() {
    [ -e "$lab/namespaces" ] || return 0
    local host try pids
    while read -r host; do
        for try in 1 2 3 4 5; do
            pids=$(ip netns pids "$prefix-$host" 2>/dev/null) || true
            [ -n "$pids" ] || break
            # shellcheck disable=SC2086
            kill -9 $pids 2>/dev/null || true
            sleep "0.$try"
        done
        ip netns del "$prefix-$host" || true
    done <"$lab/namespaces"
    rm -rf -- "$lab"
}

crash() {
    link "$1" down
    ip netns pids "$prefix-$1" | xargs -r kill -9
}

# link HOST up|down [data|control|both]
link() {
    local number=${1#h} kind kinds=${3:-both} host
    [ "$kinds" != both ] || kinds="data control"
    for kind in $kinds; do
        ip -n "$prefix-switch" link set "$kind$number" "$2"
    done
    if [ "$2" = up ]; then # an address that could not be resolved fails at once for a while
        grep -v switch "$lab/namespaces" | while read -r host; do
            ip -n "$prefix-$host" neigh flush all 2>/dev/null || true
        done
    fi
}

# setting NAME VALUE: a parameter of Open MPI, unless the caller has one
setting() {
    local name=OMPI_MCA_$1
    export "$name=${!name-$2}"
}

run_mpirun() {
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 TMPDIR=$lab/tmp
    setting orte_default_hostfile "$lab/hostfile"
    setting orte_tmpdir_base "$lab/tmp"
    setting plm rsh
    setting plm_rsh_agent "$lab/agent"
    setting plm_rsh_no_tree_spawn 1
    setting ras ^slurm,gridengine
    setting oob_tcp_if_include ctl0
    setting btl_tcp_if_include eth0
    setting pml ob1
    setting btl self,vader,tcp
    setting btl_tcp_flags 1 # send: the default protocol is half duplex above 64 KB
    setting hwloc_base_binding_policy none # every host sees the same cores
    setting rmaps_base_mapping_policy node
    setting mpi_yield_when_idle 1
    setting orte_leave_session_attached 1 # or a daemon that cannot start is waited for
    setting oob_tcp_keepalive_time 2
    setting oob_tcp_keepalive_intvl 1
    setting oob_tcp_keepalive_probes 3
    local name forwarded= # the same threads and kernels as outside
    for name in OMP_WAIT_POLICY OPENBLAS_CORETYPE OPENBLAS_L2_SIZE; do
        [ -z "${!name-}" ] || forwarded+=${forwarded:+;}$name
    done
    [ -z "$forwarded" ] || setting mca_base_env_list "$forwarded"
    enter head "${NET_LAB_MPIRUN:-mpirun}" "$@"
}

case ${1-} in
up | down | crash | link | enter) "$@" ;;
pids) ip netns pids "$prefix-$2" ;;
mpirun) run_mpirun "${@:2}" ;;
*) stop "up HOSTS [DELAY_MS [RATE]] | mpirun ARGUMENT... | link HOST up|down | crash HOST | down" ;;
esac
