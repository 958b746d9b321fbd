#include "data/formats/gunzip.h"

#include <stdlib.h>

#ifdef SHARDNET_ISAL

#include <isa-l/igzip_lib.h>

struct sn_gunzip {
    struct inflate_state stream;
};

sn_gunzip *sn_gunzip_create(void)
{
    sn_gunzip *gunzip = malloc(sizeof *gunzip);
    if (gunzip != NULL) {
        isal_inflate_init(&gunzip->stream);
        gunzip->stream.crc_flag = ISAL_GZIP; /* with a header and a checksum */
    }
    return gunzip;
}

void sn_gunzip_destroy(sn_gunzip **gunzip)
{
    free(*gunzip);
    *gunzip = NULL;
}

sn_gunzip_state sn_gunzip_run(sn_gunzip *gunzip, const unsigned char **input,
                              size_t *left, unsigned char *output, size_t room,
                              size_t *got)
{
    struct inflate_state *stream = &gunzip->stream;
    stream->next_in = (unsigned char *)*input; /* only read */
    stream->avail_in = (uint32_t)*left;
    stream->next_out = output;
    stream->avail_out = (uint32_t)room;
    const int code = isal_inflate(stream);
    *input = stream->next_in;
    *left = stream->avail_in;
    *got = room - stream->avail_out;
    if (code == ISAL_INCORRECT_CHECKSUM) {
        return SN_GUNZIP_CHECKSUM;
    }
    if (code != ISAL_DECOMP_OK) {
        return SN_GUNZIP_DAMAGED;
    }
    return stream->block_state == ISAL_BLOCK_FINISH ? SN_GUNZIP_END
                                                    : SN_GUNZIP_GOING_ON;
}

void sn_gunzip_next(sn_gunzip *gunzip)
{
    isal_inflate_reset(&gunzip->stream);
    gunzip->stream.crc_flag = ISAL_GZIP;
}

#else

#include <string.h>
#define ZLIB_CONST /* input is only read */
#include <zlib.h>

struct sn_gunzip {
    z_stream stream;
};

sn_gunzip *sn_gunzip_create(void)
{
    sn_gunzip *gunzip = calloc(1, sizeof *gunzip);
    /* 16 added to the window bits: a gzip header and checksum, not zlib's own */
    if (gunzip != NULL && inflateInit2(&gunzip->stream, 15 + 16) != Z_OK) {
        free(gunzip);
        gunzip = NULL;
    }
    return gunzip;
}

void sn_gunzip_destroy(sn_gunzip **gunzip)
{
    if (*gunzip != NULL) {
        inflateEnd(&(*gunzip)->stream);
        free(*gunzip);
        *gunzip = NULL;
    }
}

static sn_gunzip_state failed(const z_stream *stream, int code)
{
    if (code == Z_MEM_ERROR) {
        return SN_GUNZIP_NO_MEMORY;
    }
    const char *reason = stream->msg != NULL ? stream->msg : "";
    const int sums = strcmp(reason, "incorrect data check") == 0 ||
                     strcmp(reason, "incorrect length check") == 0;
    return sums ? SN_GUNZIP_CHECKSUM : SN_GUNZIP_DAMAGED;
}

sn_gunzip_state sn_gunzip_run(sn_gunzip *gunzip, const unsigned char **input,
                              size_t *left, unsigned char *output, size_t room,
                              size_t *got)
{
    z_stream *stream = &gunzip->stream;
    stream->next_in = *input;
    stream->avail_in = (uInt)*left;
    stream->next_out = output;
    stream->avail_out = (uInt)room;
    const int code = inflate(stream, Z_NO_FLUSH);
    *input = stream->next_in;
    *left = stream->avail_in;
    *got = room - stream->avail_out;
    if (code == Z_STREAM_END) {
        return SN_GUNZIP_END;
    }
    return code == Z_OK || code == Z_BUF_ERROR ? SN_GUNZIP_GOING_ON
                                               : failed(stream, code);
}

void sn_gunzip_next(sn_gunzip *gunzip)
{
    /* fails for a stream that was not begun alone */
    (void)inflateReset(&gunzip->stream);
}

#endif
