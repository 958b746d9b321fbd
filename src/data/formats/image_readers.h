/** Readers of one kind of picture each. */
#ifndef SHARDNET_DATA_FORMATS_IMAGE_READERS_H
#define SHARDNET_DATA_FORMATS_IMAGE_READERS_H

#include "data/formats/image_file.h"

/** Fill images, zero before, from the file.  On failure the caller clears images.
 *  SN_ENOINPUT, SN_EDATA, SN_ENOMEM. */
sn_status sn_image_read_png(const sn_image_file *file, sn_images *images,
                            sn_error *err) SN_MUST_CHECK;
sn_status sn_image_read_pgm(const sn_image_file *file, sn_images *images,
                            sn_error *err) SN_MUST_CHECK;

#endif
