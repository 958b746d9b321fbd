/** A plan for people (internal to cli). */
#ifndef SHARDNET_CLI_PRINT_PLAN_H
#define SHARDNET_CLI_PRINT_PLAN_H

#include <stdio.h>

#include "perf/plan.h"

/** One number of ranks: rates, whether they were measured here, and what follows. */
typedef struct sn_plan_column {
    sn_plan_rates rates;
    bool flops_measured, memory_measured;
    sn_plan plan;
} sn_plan_column;

/** The lines that do not depend on the number of ranks, a table with a column for each
 *  of count numbers, and notes. */
void sn_plan_print(FILE *out, const sn_plan_base *base, const sn_plan_column *columns,
                   size_t count);

#endif
