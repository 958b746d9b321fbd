/* SPDX-License-Identifier: BSD-3-Clause */
/** The orientation of a photograph.  A camera writes the pixels as its sensor sees them,
 *  and an Exif record describes the turn that makes the picture upright.  Not
 *  collective. */
#ifndef SHARDNET_DATA_IMAGE_ORIENTATION_H
#define SHARDNET_DATA_IMAGE_ORIENTATION_H

#include "data/image/image.h"

/** Returns the orientation, 1 to 8 as in Exif 2.3 (CIPA DC-008, tag 0x0112), of an Exif
 *  record: the bytes of a JPEG marker APP1.  Returns 1, upright, if the record has none
 *  or is malformed. */
int sn_orientation_find(const uint8_t *bytes, size_t count);

/** Turns and mirrors the one picture of images so that it is upright.  orientation is 1
 *  to 8.  path names the input in the message.  Errors: SN_ENOMEM. */
sn_status sn_orientation_apply(int orientation, const char *path, sn_images *images,
                               sn_error *err) SN_MUST_CHECK;

#endif
