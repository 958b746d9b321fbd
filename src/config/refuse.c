/* Refusals that name where a value comes from. */
#include <stdarg.h>
#include <stdio.h>

#include "config/config.h"
#include "config/keys.h"

sn_status sn_config_refuse(const sn_config *config, const char *section,
                           const char *name, sn_error *err, const char *format, ...)
{
    char why[SN_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    const sn_key *key = sn_key_find(section, name);
    const int origin = key == NULL ? SN_ORIGIN_DEFAULT : config->origin[key - sn_keys];
    if (origin > 0) {
        return sn_fail(err, SN_ECONFIG, "configuration (%s:%d): [%s] %s: %s",
                       config->origin_path, origin, section, name, why);
    }
    return origin == SN_ORIGIN_SET
               ? sn_fail(err, SN_ECONFIG, "configuration (--set %s.%s): %s", section,
                         name, why)
           : origin == SN_ORIGIN_VARIABLE
               ? sn_fail(err, SN_ECONFIG, "configuration (SHARDNET_DATA): %s", why)
               : sn_fail(err, SN_ECONFIG, "configuration ([%s] %s): %s", section, name,
                         why);
}
