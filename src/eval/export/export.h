/* SPDX-License-Identifier: BSD-3-Clause */
/** Exports a trained network to files of other programs.  None of these functions is
 *  collective. */
#ifndef SHARDNET_EVAL_EXPORT_EXPORT_H
#define SHARDNET_EVAL_EXPORT_EXPORT_H

#include <stdio.h>

#include "nn/net.h"
#include "store/checkpoint/checkpoint.h"

typedef enum sn_export_format {
    SN_EXPORT_ONNX,
    SN_EXPORT_SAFETENSORS
} sn_export_format;

/** A network to export. */
typedef struct sn_export {
    const sn_checkpoint_info *info; /* header of the checkpoint */
    const sn_network *network;
    const float *parameters; /* (network->arena) */
} sn_export;

/** Writes the networks members (count), a committee if there are several, to path.tmp
 *  and publishes it as path; an existing file is replaced.  The same checkpoints give
 *  the same bytes.  safetensors accepts one network.  Errors: SN_ECREATE, SN_EIO,
 *  SN_ENOMEM; SN_ERANGE if the format cannot hold so many parameters. */
sn_status sn_export_write(const sn_export *members, size_t count,
                          sn_export_format format, const char *path,
                          sn_error *err) SN_MUST_CHECK;

/** One format.  write writes the file and returns false if it failed; it may also leave
 *  the failure to ferror. */
typedef struct sn_export_writer {
    uint64_t most; /* largest number of bytes of all parameters; 0: any */
    bool (*write)(const sn_export *members, size_t count, FILE *out);
} sn_export_writer;

extern const sn_export_writer sn_export_onnx, sn_export_safetensors;

/** Calls visit with the name and the value of each property that the files record; each
 *  name follows prefix. */
void sn_export_properties(const sn_export *model, const char *prefix,
                          void (*visit)(FILE *out, const char *name, const char *value),
                          FILE *out);

/** Replaces count bytes of the file at position by data and continues at its end.
 *  Returns false if that failed. */
bool sn_export_patch(FILE *out, long position, const void *data, size_t count);

/** Writes values (count) as little-endian float32. */
void sn_export_floats(FILE *out, const float *values, size_t count);

#endif
