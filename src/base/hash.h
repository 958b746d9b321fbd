/** A fast hash that tells whether two copies are the same.  Not cryptographic: against
 *  chance, not against malice (see digest.h). */
#ifndef SHARDNET_BASE_HASH_H
#define SHARDNET_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/** 64-bit hash of bytes at data, continued from seed: sn_hash(sn_hash(0, a), b).
 * Depends on the byte order of the machine.  A change within one aligned 4-byte word is
 * noticed for certain, any other but with probability 2^-32 or less.  Not collective;
 * allocates nothing.  Cost: one pass over the data at about the speed of memory. */
uint64_t sn_hash(uint64_t seed, const void *data, size_t bytes);

#endif
