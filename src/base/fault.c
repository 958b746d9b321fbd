#include "base/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef SHARDNET_FAULTS

/* Does one item "POINT[@RANK[:STEP]]" of length bytes match? */
static int item_matches(const char *item, size_t length, const char *point, int rank,
                        int64_t step)
{
    char text[128];
    if (length >= sizeof text) {
        return 0;
    }
    memcpy(text, item, length);
    text[length] = '\0';
    char *at = strchr(text, '@');
    if (at != NULL) {
        *at = '\0';
    }
    if (strcmp(text, point) != 0) {
        return 0;
    }
    if (at == NULL) {
        return 1;
    }
    char *rest;
    long wanted_rank = strtol(at + 1, &rest, 10);
    if (wanted_rank != rank) {
        return 0;
    }
    return *rest != ':' || strtoll(rest + 1, NULL, 10) == step;
}

sn_status sn_fault_check(const char *point, int rank, int64_t step, sn_error *err)
{
    const char *item = getenv("SHARDNET_FAULT");
    while (item != NULL && *item != '\0') {
        size_t length = strcspn(item, ",");
        if (item_matches(item, length, point, rank, step)) {
            return sn_fail(err, SN_EINTERNAL, "injected fault (%s): rank %d, step %lld",
                           point, rank, (long long)step);
        }
        item += length + (item[length] == ',');
    }
    return SN_OK;
}

#else

sn_status sn_fault_check(const char *point, int rank, int64_t step, sn_error *err)
{
    (void)point;
    (void)rank;
    (void)step;
    (void)err;
    return SN_OK;
}

#endif
