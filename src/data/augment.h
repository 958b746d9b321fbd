/* SPDX-License-Identifier: BSD-3-Clause */
/** Distortions of images, drawn for each sample and epoch.
 *
 *  Affine (Simard, Steinkraus, Platt 2003; Ciresan et al. 2010): scaling of each axis,
 *  then horizontal shear, rotation and shift, each uniform in its range, about the
 *  centre of the image.
 *
 *  Elastic: two fields of uniform noise in (-1, 1), one for each axis, zero outside the
 *  image, smoothed by a Gaussian of sum 1 and standard deviation sigma pixels, times
 *  alpha, are added to the coordinates at which the image is looked up.  So the root
 *  mean square of each is alpha / (sigma sqrt(12 pi)), 0.98 pixels at sigma 6 and alpha
 *  36, in the middle of the image, and half as much in its corners.
 *
 *  The image is resampled bilinearly; what lies outside is black.  The result has the
 *  same bits whatever the processor, the number of ranks and the order of the calls. */
#ifndef SHARDNET_DATA_AUGMENT_H
#define SHARDNET_DATA_AUGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "data/dataset.h"
#include "shardnet/status.h"

typedef enum sn_augment_kind {
    SN_AUGMENT_NONE,
    SN_AUGMENT_AFFINE,
    SN_AUGMENT_ELASTIC
} sn_augment_kind;

/** Half-widths of the ranges; elastic includes the affine part.  What a kind does not
 *  use is not looked at. */
typedef struct sn_augment_spec {
    sn_augment_kind kind;
    double rotation; /* degrees, 0 .. 180 */
    double shear;    /* horizontal, x += shear * y; 0 .. 10 */
    double scale;    /* each axis by 1 - scale .. 1 + scale; in [0, 1) */
    double shift;    /* pixels, each axis; 0 .. 1e6 */
    double sigma;    /* pixels, of the elastic fields' Gaussian; 0.1 .. 100 */
    double alpha;    /* pixels, of the elastic fields; 0 .. 1e6 */
} sn_augment_spec;

/** Tables and scratch for one image size, 25 bytes a pixel; one for each thread. */
typedef struct sn_augment sn_augment;

/** The caller destroys what it gets; *augment is NULL on failure.  SN_ENOMEM,
 *  SN_ECONFIG for a spec out of range, SN_ERANGE for an image without pixels or with
 *  more than 2^30. */
sn_status sn_augment_create(const sn_augment_spec *spec, size_t rows, size_t cols,
                            sn_augment **augment, sn_error *err) SN_MUST_CHECK;

/** Frees and leaves NULL; accepts NULL. */
void sn_augment_destroy(sn_augment **augment);

/** X (rows * cols) of a distorted image, bytes times SN_INPUT_SCALE and so in [0, 1],
 *  from image (rows, cols) bytes.  The distortion depends on (seed, epoch, sample) and
 *  the spec alone; kind none and ranges of zero give the image itself.  Not collective;
 *  allocates nothing, writes to augment's scratch.  Cost, 28 x 28 on one core: about 2
 *  microseconds for affine, 7 to 10 for elastic at sigma 6. */
void sn_augment_apply(sn_augment *augment, uint64_t seed, uint32_t epoch,
                      uint32_t sample, const uint8_t *image, float *x);

/* The rest is for the tests. */

/** Streams within SN_RNG_AUGMENT. */
enum { SN_AUGMENT_STREAM_AFFINE, SN_AUGMENT_STREAM_NOISE };

/** sin and cos of an angle in [-pi, pi] by their Taylor series, error below 1e-14: a
 *  mathematics library may give other bits on another machine. */
void sn_augment_sine_cosine(double angle, double *sine, double *cosine);

/** Elastic fields of one sample, in pixels: dx and dy (rows, cols) each, what is added
 *  to the column and to the row at which a pixel is looked up. */
void sn_augment_fields(sn_augment *augment, uint64_t seed, uint32_t epoch,
                       uint32_t sample, float *dx, float *dy);

#endif
