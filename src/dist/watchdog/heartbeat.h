/* SPDX-License-Identifier: BSD-3-Clause */
/** Heartbeats: datagrams by which ranks report their activity.  No function is
 *  collective. */
#ifndef SHARDNET_DIST_WATCHDOG_HEARTBEAT_H
#define SHARDNET_DIST_WATCHDOG_HEARTBEAT_H

#include <netinet/in.h>

#include "dist/watchdog/watchdog.h"

enum { SN_HEARTBEAT_PATHS = 8, SN_HEARTBEAT_NAME_BYTES = 16 };

/** One address of a host, in network order, and the interface that has it. */
typedef struct sn_heartbeat_path {
    uint32_t address;
    char name[SN_HEARTBEAT_NAME_BYTES];
} sn_heartbeat_path;

/** The port and addresses on which an observer receives heartbeats. */
typedef struct sn_heartbeat_place {
    int32_t rank, count;
    uint32_t port; /* in network order; 0 without a socket */
    sn_heartbeat_path path[SN_HEARTBEAT_PATHS];
} sn_heartbeat_place;

typedef enum sn_heartbeat_kind {
    SN_HEARTBEAT_BEAT,  /* from a rank to an observer */
    SN_HEARTBEAT_REPLY, /* from an observer to a rank */
    SN_HEARTBEAT_END    /* an observer has raised the alarm: the rank must end */
} sn_heartbeat_kind;

typedef struct sn_heartbeat {
    uint64_t key; /* identifies the job; a datagram with another key is dropped */
    int32_t kind, rank, path, waits;
    int64_t step;
    float idle_seconds, grace_seconds;
    char activity[SN_ACTIVITY_BYTES];
} sn_heartbeat;

/** Opens a socket on every IPv4 address of this host and sets port, count and path of
 *  *place; returns -1 on failure. */
int sn_heartbeat_open(sn_heartbeat_place *place);

/** Sends a datagram; the network may lose it. */
void sn_heartbeat_send(int socket, const sn_heartbeat *heartbeat,
                       const struct sockaddr_in *to);

/** Returns the address of an observer on one path. */
struct sockaddr_in sn_heartbeat_to(const sn_heartbeat_place *place, int path);

/** Receives the next datagram of this job; returns false if none is left. */
bool sn_heartbeat_receive(int socket, uint64_t key, sn_heartbeat *heartbeat,
                          struct sockaddr_in *from);

#endif
