/* SPDX-License-Identifier: BSD-3-Clause */
/* delay_switch MICROSECONDS PORT...: an Ethernet switch that forwards every frame after
 * a constant delay, for kernels without sch_netem.  The MAC address of port i (from 0)
 * ends in i; frames for group addresses go to all ports.  The program needs
 * CAP_NET_RAW.  It does not split the large frames of segmentation offload
 * (PACKET_VNET_HDR), so that a fast link needs little CPU time. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { PORTS = 64, FRAMES = 65536, OFFLOAD_BYTES = 10, FRAME_BYTES = 70000 };

typedef struct frame {
    int64_t due; /* nanoseconds */
    int in;
    size_t length;
    unsigned char *bytes;
} frame;

static frame queue[FRAMES];
static unsigned head, tail;
static struct pollfd ports[PORTS];
static nfds_t port_count;

static int64_t nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int open_port(const char *name)
{
    const int one = 1, buffer = 64 << 20;
    const int s = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
    struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                  .sll_protocol = htons(ETH_P_ALL),
                                  .sll_ifindex = (int)if_nametoindex(name)};
    if (s < 0 || address.sll_ifindex == 0 ||
        setsockopt(s, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof one) != 0 ||
        setsockopt(s, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one) != 0 ||
        bind(s, (struct sockaddr *)&address, sizeof address) != 0) {
        perror(name);
        exit(1);
    }
    setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    setsockopt(s, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
    return s;
}

static void forward(const frame *f)
{
    const unsigned char *to = f->bytes + OFFLOAD_BYTES;
    for (nfds_t i = 0; i < port_count; i++) {
        if ((int)i != f->in && ((to[0] & 1) != 0 || to[5] == i)) {
            /* a link that is down loses the frame */
            const ssize_t sent = send(ports[i].fd, f->bytes, f->length, 0);
            (void)sent;
        }
    }
}

static void receive(int in, int64_t delay)
{
    static unsigned char buffer[OFFLOAD_BYTES + FRAME_BYTES];
    for (int burst = 0; burst < 16; burst++) {
        const ssize_t length = recv(ports[in].fd, buffer, sizeof buffer, 0);
        if (length < OFFLOAD_BYTES + ETH_HLEN) {
            return;
        }
        unsigned char *bytes = tail - head < FRAMES ? malloc((size_t)length) : NULL;
        if (bytes != NULL) {
            memcpy(bytes, buffer, (size_t)length);
            queue[tail++ % FRAMES] =
                (frame){nanoseconds() + delay, in, (size_t)length, bytes};
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc - 2 > PORTS) {
        fprintf(stderr, "usage: delay_switch MICROSECONDS PORT...\n");
        return 64;
    }
    const int64_t delay = (int64_t)(1e3 * strtod(argv[1], NULL));
    for (int i = 2; i < argc; i++) {
        ports[port_count++] = (struct pollfd){open_port(argv[i]), POLLIN, 0};
    }
    for (;;) {
        int64_t now = nanoseconds();
        for (; head != tail && queue[head % FRAMES].due <= now; head++) {
            forward(&queue[head % FRAMES]);
            free(queue[head % FRAMES].bytes);
        }
        now = nanoseconds();
        const int64_t left = head == tail ? INT64_C(1000000000)
                             : queue[head % FRAMES].due > now
                                 ? queue[head % FRAMES].due - now
                                 : 0;
        const struct timespec wait = {.tv_sec = left / 1000000000,
                                      .tv_nsec = left % 1000000000};
        if (ppoll(ports, port_count, &wait, NULL) <= 0) {
            continue;
        }
        for (nfds_t i = 0; i < port_count; i++) {
            if (ports[i].revents != 0) {
                receive((int)i, delay);
            }
        }
    }
}
