#include "base/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sn_digest {
    EVP_MD_CTX *context;
};

sn_digest *sn_digest_create(void)
{
    sn_digest *digest = calloc(1, sizeof *digest);
    if (digest == NULL) {
        return NULL;
    }
    digest->context = EVP_MD_CTX_new();
    if (digest->context == NULL ||
        EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) != 1) {
        sn_digest_destroy(&digest);
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

sn_status sn_digest_add(sn_digest *digest, const void *data, size_t bytes,
                        sn_error *err)
{
    if (EVP_DigestUpdate(digest->context, data, bytes) != 1) {
        return sn_fail(err, SN_EINTERNAL, "digest: libcrypto refused the data");
    }
    return SN_OK;
}

sn_status sn_digest_finish(sn_digest *digest, char text[SN_DIGEST_TEXT_BYTES],
                           sn_error *err)
{
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned bytes = 0;
    if (EVP_DigestFinal_ex(digest->context, raw, &bytes) != 1 ||
        bytes * 2 + 1 != SN_DIGEST_TEXT_BYTES) {
        return sn_fail(err, SN_EINTERNAL, "digest: libcrypto gave no SHA-256");
    }
    static const char digits[] = "0123456789abcdef";
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
    if (digest == NULL) {
        return sn_fail(err, SN_ENOMEM, "digest: out of memory");
    }
    sn_status status = sn_digest_add(digest, data, bytes, err);
    if (status == SN_OK) {
        status = sn_digest_finish(digest, text, err);
    }
    sn_digest_destroy(&digest);
    return status;
}

static sn_status add_stream(sn_digest *digest, FILE *file, const char *path,
                            sn_error *err)
{
    unsigned char buffer[16384];
    sn_status status = SN_OK;
    size_t bytes;
    while (status == SN_OK && (bytes = fread(buffer, 1, sizeof buffer, file)) > 0) {
        status = sn_digest_add(digest, buffer, bytes, err);
    }
    if (status == SN_OK && ferror(file)) {
        status = sn_fail(err, SN_EIO, "cannot read (%s): %s", path, strerror(errno));
    }
    return status;
}

sn_status sn_digest_file(const char *path, char text[SN_DIGEST_TEXT_BYTES],
                         sn_error *err)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return sn_fail(err, SN_ENOINPUT, "cannot open (%s): %s", path, strerror(errno));
    }
    sn_status status;
    sn_digest *digest = sn_digest_create();
    if (digest == NULL) {
        status = sn_fail(err, SN_ENOMEM, "digest (%s): out of memory", path);
    } else {
        status = add_stream(digest, file, path, err);
    }
    if (status == SN_OK) {
        status = sn_digest_finish(digest, text, err);
    }
    sn_digest_destroy(&digest);
    fclose(file);
    return status;
}
