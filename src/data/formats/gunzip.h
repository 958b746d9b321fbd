/** Uncompressing of gzip data (internal to data): by ISA-L where the build has it, two
 * to three times as fast as zlib, which is used elsewhere. */
#ifndef SHARDNET_DATA_FORMATS_GUNZIP_H
#define SHARDNET_DATA_FORMATS_GUNZIP_H

#include <stddef.h>

typedef struct sn_gunzip sn_gunzip;

/** NULL when memory is short. */
sn_gunzip *sn_gunzip_create(void);
void sn_gunzip_destroy(sn_gunzip **gunzip);

typedef enum sn_gunzip_state {
    SN_GUNZIP_GOING_ON,
    SN_GUNZIP_END,     /* of a member, its checksum was right */
    SN_GUNZIP_DAMAGED, /* wrong data */
    SN_GUNZIP_CHECKSUM,
    SN_GUNZIP_NO_MEMORY
} sn_gunzip_state;

/** Turns bytes at *input (*left) into bytes at output (room); *input and *left move
 * behind what was read, *got bytes were written.  Returns when the input is used up,
 * the room is full or the member ends.  input may be any size; room at most 1 GiB. */
sn_gunzip_state sn_gunzip_run(sn_gunzip *gunzip, const unsigned char **input,
                              size_t *left, unsigned char *output, size_t room,
                              size_t *got);

/** Another member follows. */
void sn_gunzip_next(sn_gunzip *gunzip);

#endif
