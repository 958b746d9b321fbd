/* SPDX-License-Identifier: BSD-3-Clause */
#include "perf/measure.h"

#include <math.h>
#include <unistd.h>

#include "base/numeric/real.h"

SN_HOT
void triad(size_t count, float s, const float *restrict b, const float *restrict c,
           float *restrict a)
{
    for (size_t i = 0; i < count; i++) {
        a[i] = b[i] + s * c[i];
    }
}

void sn_measure_triad(size_t count, float s, const float *b, const float *c, float *a)
{
    triad(count, s, b, c, a);
}

size_t sn_measure_triad_count(int ranks)
{
    static const double mib = 1 << 20;
    long cache = 0;
#ifdef _SC_LEVEL3_CACHE_SIZE
    cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
    double bytes = 4.0 * (cache > 0 ? (double)cache : 32 * mib) / ranks;
    bytes = fmin(fmax(bytes, 96 * mib), 512 * mib);
    return (size_t)(bytes / 3 / sizeof(float));
}

void sn_measure_fill(size_t count, float *values)
{
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)(i % 7) - 3;
    }
}
