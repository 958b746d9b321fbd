/* SPDX-License-Identifier: BSD-3-Clause */
/** Random distortions of images, drawn again for each sample and epoch.
 *
 *  Affine (Simard, Steinkraus, Platt 2003; Ciresan et al. 2010): scaling of each axis,
 *  then horizontal shear, rotation and shift about the centre of the image.  Each is
 *  uniform in its range.
 *
 *  Elastic: one displacement field per axis is added to the coordinates at which the
 *  image is sampled.  A field is uniform noise in (-1, 1), zero outside the image,
 *  smoothed by a Gaussian with sum 1 and standard deviation sigma pixels, times alpha.
 *  Its root mean square is alpha / (sigma sqrt(12 pi)) in the middle of the image (0.98
 *  pixels for sigma 6 and alpha 36), and half of that in the corners.
 *
 *  The image is resampled bilinearly, and pixels outside the image are black.  The
 *  result has the same bits on every processor, for any number of ranks and order of
 *  calls. */
#ifndef SHARDNET_DATA_AUGMENT_H
#define SHARDNET_DATA_AUGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shardnet/status.h"

typedef enum sn_augment_kind {
    SN_AUGMENT_NONE,
    SN_AUGMENT_AFFINE,
    SN_AUGMENT_ELASTIC
} sn_augment_kind;

/** Half-widths of the ranges, and the noise.  Every kind uses noise;
 *  SN_AUGMENT_AFFINE also uses the first four, SN_AUGMENT_ELASTIC uses all.  Unused
 *  values are not checked. */
typedef struct sn_augment_spec {
    sn_augment_kind kind;
    double rotation; /* degrees, 0 .. 180 */
    double shear;    /* horizontal, x += shear * y; 0 .. 10 */
    double scale;    /* factor of an axis: 1 - scale .. 1 + scale; in [0, 1) */
    double shift;    /* pixels along each axis; 0 .. 1e6 */
    double sigma;    /* standard deviation of the Gaussian in pixels; 0.1 .. 100 */
    double alpha;    /* amplitude of the noise in pixels; 0 .. 1e6 */
    double noise;    /* standard deviation of the noise on inputs; 0 .. 10 */
} sn_augment_spec;

/** Returns true if the spec has a kind of distortion or noise, so that images may
 *  change.  Pure. */
bool sn_augment_is_active(const sn_augment_spec *spec);

/** Tables and scratch memory for one image size, about 25 bytes per pixel.  Each thread
 *  needs its own. */
typedef struct sn_augment sn_augment;

/** Creates *augment; the caller destroys it; it is NULL after an error.  Not
 *  collective.
 *  Errors: SN_ECONFIG if a value of spec is out of range; SN_ERANGE if the image has no
 *  pixels or more than 2^30; SN_ENOMEM. */
sn_status sn_augment_create(const sn_augment_spec *spec, size_t rows, size_t cols,
                            sn_augment **augment, sn_error *err) SN_MUST_CHECK;

/** Frees *augment, which may be NULL, and sets it to NULL. */
void sn_augment_destroy(sn_augment **augment);

/** x (rows, cols) := the distorted image (rows, cols), bytes times SN_INPUT_SCALE, plus
 *  Gaussian noise, which is not clipped.  The result is a function of (seed, epoch,
 *  sample) and the spec.  SN_AUGMENT_NONE and ranges of zero do not change the image.
 *  Not collective; allocates nothing; writes to the scratch memory of augment.
 *  Cost for 28 x 28 pixels on one core: about 2 microseconds for affine, 7 to 10 for
 *  elastic with sigma 6. */
void sn_augment_apply(sn_augment *augment, uint64_t seed, uint32_t epoch,
                      uint32_t sample, const uint8_t *image, float *x);

#endif
