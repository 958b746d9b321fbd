/* SPDX-License-Identifier: BSD-3-Clause */
/** Near misses of names (internal to the program). */
#ifndef SHARDNET_BASE_NEAR_H
#define SHARDNET_BASE_NEAR_H

#include <stddef.h>

/** Letters to insert, delete, replace or swap with their neighbour to turn word into
 *  name (optimal string alignment:  Damerau 1964).  SIZE_MAX where these are more than
 *  a third of the letters of word, so that name is hardly what a person meant. */
size_t sn_near_distance(const char *word, const char *name);

#endif
