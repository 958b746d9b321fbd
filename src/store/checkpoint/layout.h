/* SPDX-License-Identifier: BSD-3-Clause */
/** The content of a checkpoint file.  Writing, reading and the digest use the same
 *  tables.
 *
 *  The digest is the SHA-256 of a sequence of items, each
 *
 *      name length (8 bytes), name, value length in bytes (8 bytes), value
 *
 *  The first item is "format".  The attributes follow in the order of
 *  sn_checkpoint_fields with the name GROUP/NAME, then the tensors layer by layer in
 *  the order of sn_tensor_kinds with their path.  Lengths and numbers are
 *  little-endian: integers have 8 bytes, real numbers are IEEE 754 (8 bytes; 4 in
 *  tensors), text has no terminating zero. */
#ifndef SHARDNET_STORE_CHECKPOINT_LAYOUT_H
#define SHARDNET_STORE_CHECKPOINT_LAYOUT_H

#include "store/checkpoint/checkpoint.h"
#include "store/h5/h5.h"

enum { SN_LAYERS_MAX = 1000 };

typedef enum sn_field_kind {
    SN_FIELD_COUNT = SN_H5_INT64, /* >= 0 */
    SN_FIELD_UINT64 = SN_H5_UINT64,
    SN_FIELD_REAL = SN_H5_DOUBLE, /* finite */
    SN_FIELD_TEXT,                /* char[bytes], one line */
    SN_FIELD_LINES                /* char[bytes], any number of lines */
} sn_field_kind;

/** An attribute: group and name in the file, offset and size in sn_checkpoint_info. */
typedef struct sn_field {
    const char *group, *name;
    sn_field_kind kind;
    size_t offset, bytes;
} sn_field;

enum {
    SN_CHECKPOINT_FIELDS = 26,
    SN_FIRST_VELOCITY = 2,
    SN_FIRST_SECOND_MOMENT = 4,
    SN_FIRST_CURRENT = 6
};

extern const sn_field sn_checkpoint_fields[SN_CHECKPOINT_FIELDS];

/** A tensor of a layer at GROUP/layerN/NAME, of rank 2 (out, in) or 1 (out).  An even
 *  number is a kind of weights, the next number the kind of their biases. */
typedef struct sn_tensor_kind {
    const char *group, *name;
    int rank;
    const char *meaning;
} sn_tensor_kind;

extern const sn_tensor_kind sn_tensor_kinds[SN_TENSOR_KINDS];

/** Returns true if the checkpoint has tensors of this kind. */
bool sn_checkpoint_has(const sn_checkpoint_info *info, int kind);

/** Returns the pointer to a tensor of a layer. */
float *sn_layer_tensor(const sn_layer_tensors *layer, int kind);

/** Writes the path of a tensor in the file, for example /model/layer0/weight, to name.
 */
void sn_tensor_name(char name[SN_TENSOR_NAME_BYTES], int64_t layer, int kind);

/** Returns the number of values of a tensor. */
size_t sn_tensor_count(const sn_layer_tensors *layer, int kind);

/** Computes the extents of a tensor's dataset and of its chunks.  For a tensor of rank
 *  1 the second element is unused. */
void sn_tensor_chunks(const sn_layer_tensors *layer, int kind, hsize_t extents[2],
                      hsize_t chunk[2]);

/** Returns true if all values (count) are finite. */
bool sn_tensor_finite(const float *values, size_t count);

/** Returns the address of a field in info. */
const void *sn_field_value(const sn_field *field, const sn_checkpoint_info *info);

bool sn_field_is_text(const sn_field *field);

/** Returns true if a field differs in a bit; text is compared up to its terminating zero.
 */
bool sn_field_differs(const sn_field *field, const sn_checkpoint_info *a,
                      const sn_checkpoint_info *b);

/** Checks that every field has a value that a reader accepts.  On failure *field is the
 *  rejected field. */
bool sn_checkpoint_check_info(const sn_checkpoint_info *info, const sn_field **field,
                              sn_h5_reason *why) SN_MUST_CHECK;

/** Adds the format and all attributes to the digest. */
void sn_checkpoint_digest_info(sn_digest *digest, const sn_checkpoint_info *info);

/** Adds one tensor, values (count), to the digest. */
void sn_checkpoint_digest_tensor(sn_digest *digest, int64_t layer, int kind,
                                 const float *values, size_t count);

/** An open checkpoint whose attributes and shapes have been checked. */
struct sn_checkpoint {
    hid_t file;
    sn_checkpoint_info info;
    sn_layer_tensors *shapes; /* (info.layers): in and out; tensor pointers are NULL */
    char path[SN_PATH_BYTES];
};

/** Opens a tensor and checks its links, type, rank and storage.  The caller closes
 *  *dataset. */
bool sn_tensor_open(const sn_checkpoint *checkpoint, int64_t layer, int kind,
                    hid_t *dataset, hsize_t extents[2],
                    sn_h5_reason *why) SN_MUST_CHECK;

/** Sets err to a message that names the tensor and returns SN_EDATA. */
sn_status sn_tensor_damaged(const sn_checkpoint *checkpoint, int64_t layer, int kind,
                            const sn_h5_reason *why, sn_error *err) SN_MUST_CHECK;

/** Reads the checkpoint at path and compares it, bit for bit, with the memory that it
 *  was written from: every attribute of *info, the digest and every tensor
 *  (info->layers).  HDF5 checks the checksums.  If the digest was computed from the
 *  same memory and all values are finite, the file also passes sn_checkpoint_verify.
 *  Errors: SN_EDATA names a difference; SN_ENOINPUT, SN_ENOMEM. */
sn_status sn_checkpoint_read_back(const char *path, const sn_checkpoint_info *info,
                                  const sn_layer_tensors *tensors,
                                  sn_error *err) SN_MUST_CHECK;

#endif
