#include "base/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct sn_digest {
    EVP_MD_CTX *context;
    int good;
};

sn_digest *sn_digest_create(void)
{
    sn_digest *digest = calloc(1, sizeof *digest);
    if (digest != NULL) {
        digest->context = EVP_MD_CTX_new();
        digest->good = digest->context != NULL &&
                       EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) == 1;
    }
    return digest;
}

void sn_digest_destroy(sn_digest **digest)
{
    if (*digest != NULL) {
        EVP_MD_CTX_free((*digest)->context);
        free(*digest);
        *digest = NULL;
    }
}

void sn_digest_add(sn_digest *digest, const void *data, size_t bytes)
{
    if (digest != NULL && digest->good) {
        digest->good = EVP_DigestUpdate(digest->context, data, bytes) == 1;
    }
}

sn_status sn_digest_finish(sn_digest **digest, char text[SN_DIGEST_TEXT_BYTES],
                           sn_error *err)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned bytes = 0;
    const int good = *digest != NULL && (*digest)->good &&
                     EVP_DigestFinal_ex((*digest)->context, raw, &bytes) == 1 &&
                     bytes * 2 + 1 == SN_DIGEST_TEXT_BYTES;
    const sn_status status = good ? SN_OK : *digest == NULL ? SN_ENOMEM : SN_EINTERNAL;
    sn_digest_destroy(digest);
    if (!good) {
        return sn_fail(err, status, "digest: %s", sn_status_text(status));
    }
    for (unsigned i = 0; i < bytes; i++) {
        text[2 * i] = digits[raw[i] >> 4];
        text[2 * i + 1] = digits[raw[i] & 15];
    }
    text[2 * bytes] = '\0';
    return SN_OK;
}

sn_status sn_digest_buffer(const void *data, size_t bytes,
                           char text[SN_DIGEST_TEXT_BYTES], sn_error *err)
{
    sn_digest *digest = sn_digest_create();
    sn_digest_add(digest, data, bytes);
    return sn_digest_finish(&digest, text, err);
}
