/* SPDX-License-Identifier: BSD-3-Clause */
/** SHA-256 digests (by OpenSSL's libcrypto), and a fast hash to compare copies. */
#ifndef SHARDNET_BASE_NUMERIC_DIGEST_H
#define SHARDNET_BASE_NUMERIC_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "shardnet/status.h"

enum { SN_DIGEST_TEXT_BYTES = 65 }; /* 64 lower-case hexadecimal digits, then zero */

typedef struct sn_digest sn_digest;

/** Starts a digest; the caller owns it.  Returns NULL if there is no memory; the
 *  functions below accept NULL. */
sn_digest *sn_digest_create(void) SN_MUST_CHECK;

/** Frees *digest, which may be NULL, and sets it to NULL. */
void sn_digest_destroy(sn_digest **digest);

/** Adds bytes of data to the digest.  sn_digest_finish reports a failure. */
void sn_digest_add(sn_digest *digest, const void *data, size_t bytes);

/** Writes the digest to text and destroys *digest.
 *  Errors: SN_ENOMEM if *digest is NULL; SN_EINTERNAL if the library failed. */
sn_status sn_digest_finish(sn_digest **digest, char text[SN_DIGEST_TEXT_BYTES],
                           sn_error *err) SN_MUST_CHECK;

/** Writes the SHA-256 of bytes of data to text.  Errors: as sn_digest_finish. */
sn_status sn_digest_buffer(const void *data, size_t bytes,
                           char text[SN_DIGEST_TEXT_BYTES],
                           sn_error *err) SN_MUST_CHECK;

/** Returns a 64-bit hash of bytes of data.  seed continues an earlier hash:
 *  sn_hash(sn_hash(0, a), b).  The hash detects accidental changes, not deliberate
 *  ones: it detects every change within one aligned 4-byte word, and misses any other
 *  change with a probability of at most 2^-32.  It depends on the byte order of the
 *  machine.
 *  Not collective; allocates nothing.  Cost: one pass at about memory speed. */
uint64_t sn_hash(uint64_t seed, const void *data, size_t bytes);

#endif
