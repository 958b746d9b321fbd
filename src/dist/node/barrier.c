/* SPDX-License-Identifier: BSD-3-Clause */
#include "dist/node/barrier.h"

#include <sched.h>
#include <stdatomic.h>

enum {
    SPINS = 2000, /* reads of a flag before the rank yields its core */
    LINE = 64     /* bytes of a cache line */
};

/* A rank's flag, alone in its cache line.  Several processes use it, so the atomic must
 * be free of locks: a lock would be private to each process. */
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "the flags require lock-free atomics");
typedef union flag {
    atomic_uint_least64_t raised;
    char line[LINE];
} flag;

size_t sn_node_barrier_bytes(int size)
{
    return (size_t)size * sizeof(flag);
}

sn_node_barrier sn_node_barrier_at(const sn_comm *comm, void *flags)
{
    return (sn_node_barrier){.flags = flags,
                             .rank = sn_comm_node_rank(comm),
                             .size = sn_comm_node_size(comm)};
}

void sn_node_barrier_raise(sn_node_barrier *barrier)
{
    flag *flags = barrier->flags;
    atomic_store_explicit(&flags[barrier->rank].raised, ++barrier->round,
                          memory_order_release);
}

void sn_node_barrier_wait(const sn_node_barrier *barrier)
{
    flag *flags = barrier->flags;
    for (int r = 0; r < barrier->size; r++) {
        int spins = SPINS;
        while (atomic_load_explicit(&flags[r].raised, memory_order_acquire) <
               barrier->round) {
            if (spins > 0) {
                spins--;
            } else {
                sched_yield();
            }
        }
    }
}

void sn_node_barrier_meet(sn_node_barrier *barrier)
{
    sn_node_barrier_raise(barrier);
    sn_node_barrier_wait(barrier);
}
