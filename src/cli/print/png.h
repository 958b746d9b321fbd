/** Grey pictures as PNG files (internal to cli). */
#ifndef SHARDNET_CLI_PRINT_PNG_H
#define SHARDNET_CLI_PRINT_PNG_H

#include <stddef.h>
#include <stdint.h>

#include "shardnet/status.h"

/** Writes pixels (height, width), 0 = black, each as a square of scale x scale, to path
 *  as an 8-bit grey PNG, by way of path.tmp and sn_file_publish; path.tmp is removed on
 *  failure.  SN_ECREATE when the file cannot be made, SN_EIO when it cannot be written,
 *  SN_ERANGE for a size that PNG files cannot have, SN_ENOMEM. */
sn_status sn_png_write(const char *path, size_t width, size_t height, size_t scale,
                       const uint8_t *pixels, sn_error *err) SN_MUST_CHECK;

#endif
