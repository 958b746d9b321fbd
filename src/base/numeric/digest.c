/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/numeric/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/numeric/real.h"

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
    for (size_t i = 0; i < bytes; i++) {
        text[2 * i] = digits[raw[i] >> 4];
        text[2 * i + 1] = digits[raw[i] & 15];
    }
    text[(size_t)2 * bytes] = '\0';
    return SN_OK;
}

sn_status sn_digest_buffer(const void *data, size_t bytes,
                           char text[SN_DIGEST_TEXT_BYTES], sn_error *err)
{
    sn_digest *digest = sn_digest_create();
    sn_digest_add(digest, data, bytes);
    return sn_digest_finish(&digest, text, err);
}

/* sn_hash has 32 independent lanes, so that the loop runs in vector registers.  A lane
 * absorbs every 32nd word w with the round of xxHash32 (Collet 2012),
 *
 *     lane = rotate(lane + w P2, 13) P1,
 *
 * which is a bijection of lane for each w, and of w for each lane.  The finalizer of
 * SplitMix64 (Steele, Lea, Flood 2014), a bijection too, then folds the lanes into one
 * word.  Later words therefore cannot hide a single word that differs. */
enum { LANES = 32, BLOCK_BYTES = LANES * sizeof(uint32_t) };

SN_HOT
void absorb(const unsigned char *data, size_t blocks, uint32_t lane[LANES])
{
    const uint32_t p1 = UINT32_C(0x9e3779b1), p2 = UINT32_C(0x85ebca77);
    for (size_t b = 0; b < blocks; b++, data += BLOCK_BYTES) {
        for (size_t i = 0; i < LANES; i++) {
            uint32_t word;
            memcpy(&word, data + i * sizeof word, sizeof word);
            const uint32_t x = lane[i] + word * p2;
            lane[i] = (x << 13 | x >> 19) * p1;
        }
    }
}

static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

uint64_t sn_hash(uint64_t seed, const void *data, size_t bytes)
{
    const unsigned char *position = data;
    const size_t blocks = bytes / BLOCK_BYTES, rest = bytes % BLOCK_BYTES;
    uint32_t lane[LANES];
    for (uint32_t i = 0; i < LANES; i++) {
        lane[i] = i;
    }
    absorb(position, blocks, lane);
    if (rest > 0) {
        unsigned char last[BLOCK_BYTES] = {0};
        memcpy(last, position + blocks * BLOCK_BYTES, rest);
        absorb(last, 1, lane);
    }
    uint64_t hash = mix(mix(seed) ^ bytes);
    for (int i = 0; i < LANES; i++) {
        hash = mix(hash ^ lane[i]);
    }
    return hash;
}
