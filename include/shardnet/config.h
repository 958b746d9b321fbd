/** The configuration of a run: INI text and overrides of single keys.  None of these
 *  functions is collective. */
#ifndef SHARDNET_CONFIG_H
#define SHARDNET_CONFIG_H

#include <stdio.h>

#include "shardnet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sn_config sn_config;

/** A configuration that holds the default of every key; data.dir comes from the
 *  environment variable SHARDNET_DATA where that is set.  *config is the caller's, to
 *  be destroyed.  SN_ENOMEM. */
SN_API sn_status sn_config_create(sn_config **config, sn_error *err) SN_MUST_CHECK;

/** Accepts NULL, leaves NULL. */
SN_API void sn_config_destroy(sn_config **config);

/** Reads INI text over what config holds.  path names it in messages.  Not collective.
 *  SN_ECONFIG with path and line number for an unknown or repeated key, a value of the
 *  wrong type or out of range, or a line that is no INI; config then holds what could
 * be read. */
SN_API sn_status sn_config_parse(sn_config *config, const char *text, const char *path,
                                 sn_error *err) SN_MUST_CHECK;

/** Reads the file at path.  SN_ENOINPUT, and what sn_config_parse gives. */
SN_API sn_status sn_config_read(sn_config *config, const char *path,
                                sn_error *err) SN_MUST_CHECK;

/** One override "section.key=value".  SN_ECONFIG. */
SN_API sn_status sn_config_set(sn_config *config, const char *assignment,
                               sn_error *err) SN_MUST_CHECK;

/** Demands between keys, checked when all are read.  SN_ECONFIG. */
SN_API sn_status sn_config_check(const sn_config *config, sn_error *err) SN_MUST_CHECK;

/** The effective configuration as INI text that sn_config_parse reads back to the same
 *  values.  The caller frees it; NULL when memory is short. */
SN_API char *sn_config_text(const sn_config *config) SN_MUST_CHECK;

/** Every key with type, default, range and help, for people. */
SN_API void sn_config_help(FILE *out);

#ifdef __cplusplus
}
#endif

#endif
