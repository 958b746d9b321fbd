/* SPDX-License-Identifier: BSD-3-Clause */
/** The distance between two names, to suggest the right name for a misspelled one. */
#ifndef SHARDNET_BASE_TEXT_NEAR_H
#define SHARDNET_BASE_TEXT_NEAR_H

#include <stddef.h>

/** Returns the number of letters to insert, delete, replace or exchange with their
 *  neighbour to change word into name (optimal string alignment: Damerau 1964).
 *  Returns SIZE_MAX if that number exceeds a third of the letters of word: name is then
 *  a poor suggestion. */
size_t sn_near_distance(const char *word, const char *name);

#endif
