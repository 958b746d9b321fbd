/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* getifaddrs, IFF_UP */
#include "dist/watchdog/heartbeat.h"

#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Lists the addresses of the interfaces that are up, the loopback interface last. */
static void find_paths(sn_heartbeat_place *place)
{
    struct ifaddrs *all;
    if (getifaddrs(&all) != 0) {
        return;
    }
    for (unsigned loopback = 0; loopback < 2; loopback++) {
        for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
            const bool usable = i->ifa_addr != NULL &&
                                i->ifa_addr->sa_family == AF_INET &&
                                (i->ifa_flags & (unsigned)IFF_UP) != 0;
            if (!usable || place->count == SN_HEARTBEAT_PATHS ||
                ((i->ifa_flags & (unsigned)IFF_LOOPBACK) != 0) != (loopback != 0)) {
                continue;
            }
            struct sockaddr_in address;
            memcpy(&address, i->ifa_addr, sizeof address);
            sn_heartbeat_path *path = &place->path[place->count++];
            path->address = address.sin_addr.s_addr;
            snprintf(path->name, sizeof path->name, "%s", i->ifa_name);
        }
    }
    freeifaddrs(all);
}

int sn_heartbeat_open(sn_heartbeat_place *place)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_ANY)}};
    socklen_t length = sizeof any;
    const int s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s < 0 || bind(s, (struct sockaddr *)&any, sizeof any) != 0 ||
        getsockname(s, (struct sockaddr *)&any, &length) != 0) {
        if (s >= 0) {
            close(s);
        }
        return -1;
    }
    place->port = any.sin_port;
    find_paths(place);
    return s;
}

void sn_heartbeat_send(int socket, const sn_heartbeat *heartbeat,
                       const struct sockaddr_in *to)
{
    const ssize_t sent = sendto(socket, heartbeat, sizeof *heartbeat, MSG_NOSIGNAL,
                                (const struct sockaddr *)to, sizeof *to);
    (void)sent;
}

struct sockaddr_in sn_heartbeat_to(const sn_heartbeat_place *place, int path)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = (in_port_t)place->port,
                                .sin_addr = {place->path[path].address}};
}

bool sn_heartbeat_receive(int socket, uint64_t key, sn_heartbeat *heartbeat,
                          struct sockaddr_in *from)
{
    for (;;) {
        socklen_t length = sizeof *from;
        const ssize_t bytes = recvfrom(socket, heartbeat, sizeof *heartbeat, MSG_TRUNC,
                                       (struct sockaddr *)from, &length);
        if (bytes < 0) {
            return false;
        }
        if (bytes == sizeof *heartbeat && heartbeat->key == key) {
            return true;
        }
    }
}
