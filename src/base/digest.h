/** SHA-256 digests (through OpenSSL's libcrypto). */
#ifndef SHARDNET_BASE_DIGEST_H
#define SHARDNET_BASE_DIGEST_H

#include <stddef.h>

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

#endif
