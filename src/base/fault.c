/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/fault.h"

#include <stdio.h>
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
        char name[128];
        int at_rank;
        long long at_step;
        item += *item == ',';
        const int fields = sscanf(item, "%127[^@,]@%d:%lld", name, &at_rank, &at_step);
        if (fields > 0 && strcmp(name, point) == 0 && (fields < 2 || at_rank == rank) &&
            (fields < 3 || at_step == step)) {
            return sn_fail(err, SN_EINTERNAL, "injected fault (%s): rank %d, step %lld",
                           point, rank, (long long)step);
        }
    }
    return SN_OK;
}
