/** Numbers that no other process draws. */
#ifndef SHARDNET_BASE_UNIQUE_H
#define SHARDNET_BASE_UNIQUE_H

#include <stdint.h>

/** 64 random bits of the system; clock and process number where it has none. */
uint64_t sn_unique_key(void);

#endif
