/* SPDX-License-Identifier: BSD-3-Clause */
/** Gaussian noise on network inputs, drawn again for each sample and epoch. */
#ifndef SHARDNET_DATA_NOISE_H
#define SHARDNET_DATA_NOISE_H

#include <stddef.h>
#include <stdint.h>

/** x (count) += deviation times standard normal numbers, by Box and Muller (1958) from
 *  Philox words.  The numbers are a function of (seed, epoch, sample), with the same
 *  bits on every processor, and at most 5.8 in magnitude.  Not collective; allocates
 *  nothing.  Cost for 784 inputs on one core: about 1 microsecond with AVX-512. */
void sn_noise_add(double deviation, uint64_t seed, uint32_t epoch, uint32_t sample,
                  size_t count, float *x);

#endif
