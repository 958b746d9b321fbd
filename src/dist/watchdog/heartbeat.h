/** Datagrams by which ranks tell that they live. */
#ifndef SHARDNET_DIST_WATCHDOG_HEARTBEAT_H
#define SHARDNET_DIST_WATCHDOG_HEARTBEAT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum { SN_HEARTBEAT_PATHS = 8, SN_HEARTBEAT_NAME_BYTES = 16 };

/** One address of a host, in network order, and the interface that has it. */
typedef struct sn_heartbeat_path {
    uint32_t address;
    char name[SN_HEARTBEAT_NAME_BYTES];
} sn_heartbeat_path;

/** Where an observer listens. */
typedef struct sn_heartbeat_place {
    int32_t rank, count;
    uint32_t port; /* in network order; 0 for nowhere */
    sn_heartbeat_path path[SN_HEARTBEAT_PATHS];
} sn_heartbeat_place;

typedef enum sn_heartbeat_kind {
    SN_HEARTBEAT_BEAT,  /* a rank to an observer */
    SN_HEARTBEAT_REPLY, /* and back */
    SN_HEARTBEAT_END    /* an observer has spoken: leave */
} sn_heartbeat_kind;

typedef struct sn_heartbeat {
    uint64_t key; /* of the job: anything else is not ours */
    int32_t kind, rank, path, phase;
    int64_t step;
    float idle_seconds, grace_seconds;
} sn_heartbeat;

/** A socket on every IPv4 address of this host, described in place; -1 when there can
 *  be none. */
int sn_heartbeat_open(sn_heartbeat_place *place);

/** Sends, and does not care whether it arrives. */
void sn_heartbeat_send(int socket, const sn_heartbeat *pulse,
                       const struct sockaddr_in *to);

/** The address of a path to an observer. */
struct sockaddr_in sn_heartbeat_to(const sn_heartbeat_place *place, int path);

/** True for a datagram of our job, false when none is left. */
bool sn_heartbeat_receive(int socket, uint64_t key, sn_heartbeat *pulse,
                          struct sockaddr_in *from);

#endif
