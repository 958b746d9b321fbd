/* SPDX-License-Identifier: BSD-3-Clause */
/** Version of the library. */
#ifndef SHARDNET_VERSION_H
#define SHARDNET_VERSION_H

#include "shardnet/status.h"

#define SN_VERSION_MAJOR 1
#define SN_VERSION_MINOR 0
#define SN_VERSION_PATCH 0
#define SN_VERSION       "1.0.0"

#ifdef __cplusplus
extern "C" {
#endif

/** Returns version and revision of the running library, for example "1.0.0 (5120e18)".
 *  The macros above are those of the headers that a program was compiled with.  Not
 *  collective. */
SN_API const char *sn_version(void);

#ifdef __cplusplus
}
#endif

#endif
