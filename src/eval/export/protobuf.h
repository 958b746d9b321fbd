/* SPDX-License-Identifier: BSD-3-Clause */
/** A writer of protocol buffers: https://protobuf.dev/programming-guides/encoding */
#ifndef SHARDNET_EVAL_EXPORT_PROTOBUF_H
#define SHARDNET_EVAL_EXPORT_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct sn_protobuf {
    FILE *out;   /* a file, because the length of a message is written after it */
    bool failed; /* a message is too long, or seeking failed; ferror has the rest */
} sn_protobuf;

/** Writes one field of a message. */
void sn_protobuf_integer(sn_protobuf *to, unsigned field, uint64_t value);
void sn_protobuf_text(sn_protobuf *to, unsigned field, const char *text);

/** Begins a field that is a message or bytes, which the caller then writes to out.
 *  Returns its position for sn_protobuf_end. */
long sn_protobuf_begin(sn_protobuf *to, unsigned field);
void sn_protobuf_end(sn_protobuf *to, long position);

#endif
