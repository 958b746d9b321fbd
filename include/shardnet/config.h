/* SPDX-License-Identifier: BSD-3-Clause */
/** The configuration of a run: INI text and overrides of single keys.  Numbers have a
 *  decimal point in every locale.  None of these functions is collective. */
#ifndef SHARDNET_CONFIG_H
#define SHARDNET_CONFIG_H

#include <stdio.h>

#include "shardnet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sn_config sn_config;

/** Creates a configuration that holds the default of every key.  The default of
 *  data.dir is the environment variable SHARDNET_DATA if it is set.  The caller owns
 *  *config and destroys it.  Errors: SN_ENOMEM. */
SN_API sn_status sn_config_create(sn_config **config, sn_error *err) SN_MUST_CHECK;

/** Frees *config, which may be NULL, and sets it to NULL. */
SN_API void sn_config_destroy(sn_config **config);

/** Sets the keys of config that the INI text contains.  Error messages name path as the
 *  origin of the text.
 *  Errors: SN_ECONFIG, with path and line number, if a key is unknown or repeated, a
 *  value has the wrong type or is out of range, or a line is not INI; the keys of all
 *  other lines are set. */
SN_API sn_status sn_config_parse(sn_config *config, const char *text, const char *path,
                                 sn_error *err) SN_MUST_CHECK;

/** Sets the keys of config that the INI file at path contains.  Errors: SN_ENOINPUT,
 *  and those of sn_config_parse. */
SN_API sn_status sn_config_read(sn_config *config, const char *path,
                                sn_error *err) SN_MUST_CHECK;

/** Sets one key; assignment is "section.key=value".  Errors: SN_ECONFIG. */
SN_API sn_status sn_config_set(sn_config *config, const char *assignment,
                               sn_error *err) SN_MUST_CHECK;

/** Checks the rules that involve more than one key; call it after the last key is set.
 *  Errors: SN_ECONFIG. */
SN_API sn_status sn_config_check(const sn_config *config, sn_error *err) SN_MUST_CHECK;

/** Returns the configuration as INI text; sn_config_parse reads the same values back
 *  from it.  The caller frees the text.  Returns NULL if there is no memory. */
SN_API char *sn_config_text(const sn_config *config) SN_MUST_CHECK;

/** Prints every key with its type, default, range and help text to out. */
SN_API void sn_config_help(FILE *out);

#ifdef __cplusplus
}
#endif

#endif
