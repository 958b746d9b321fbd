/* SPDX-License-Identifier: BSD-3-Clause */
/** SHA-256 digests (through OpenSSL's libcrypto), and a fast hash that compares copies.
 */
#ifndef SHARDNET_BASE_DIGEST_H
#define SHARDNET_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "shardnet/status.h"

/** 64 lower-case hexadecimal digits and the terminating zero. */
enum { SN_DIGEST_TEXT_BYTES = 65 };

typedef struct sn_digest sn_digest;

/** Starts a digest.  NULL when memory is short, which the functions below accept. */
sn_digest *sn_digest_create(void) SN_MUST_CHECK;
void sn_digest_destroy(sn_digest **digest);

/** Adds bytes.  sn_digest_finish reports a failure. */
void sn_digest_add(sn_digest *digest, const void *data, size_t bytes);

/** Ends and destroys the digest; text receives the hexadecimal form.  SN_ENOMEM,
 *  SN_EINTERNAL when the library fails. */
sn_status sn_digest_finish(sn_digest **digest, char text[SN_DIGEST_TEXT_BYTES],
                           sn_error *err) SN_MUST_CHECK;

/** SHA-256 of one buffer. */
sn_status sn_digest_buffer(const void *data, size_t bytes,
                           char text[SN_DIGEST_TEXT_BYTES],
                           sn_error *err) SN_MUST_CHECK;

/** 64-bit hash of bytes at data, continued from seed: sn_hash(sn_hash(0, a), b).  It
 *  finds chance, not malice, and depends on the byte order of the machine.  A change
 *  within one aligned 4-byte word is noticed for certain, any other but with
 *  probability 2^-32 or less.  Not collective; allocates nothing.  Cost: one pass over
 *  the data at about the speed of memory. */
uint64_t sn_hash(uint64_t seed, const void *data, size_t bytes);

#endif
