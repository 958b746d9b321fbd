/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/fault.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#ifdef SHARDNET_FAULTS
#define FAULTS getenv("SHARDNET_FAULT")
#else
#define FAULTS NULL
#endif

sn_status sn_fault_check(const char *point, int rank, int64_t step, sn_error *err)
{
    for (const char *item = FAULTS; item != NULL; item = strchr(item, ',')) {
        item += *item == ',';
        const size_t length = strcspn(item, "@:,");
        const char *rest = item + length;
        char *end = NULL;
        bool here = length == strlen(point) && strncmp(item, point, length) == 0;
        if (*rest == '@') {
            here = here && strtol(rest + 1, &end, 10) == rank;
            rest = here ? end : "";
        }
        if (here && (*rest != ':' || strtoll(rest + 1, NULL, 10) == step)) {
            return sn_fail(err, SN_EINTERNAL, "injected fault (%s): rank %d, step %lld",
                           point, rank, (long long)step);
        }
    }
    return SN_OK;
}
