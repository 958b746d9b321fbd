/** Initial weights. */
#ifndef SHARDNET_NN_INIT_H
#define SHARDNET_NN_INIT_H

#include <stdint.h>

#include "nn/net.h"

typedef enum sn_init {
    SN_INIT_UNIFORM, /* U(-scale, scale) */
    SN_INIT_XAVIER,  /* U(-r, r), r = scale sqrt(6 / (in + out)): Glorot, Bengio 2010 */
    SN_INIT_HE /* U(-r, r), r = scale sqrt(6 / in): variance 2 / in, He et al. 2015 */
} sn_init;

/** Fills parameters (arena): weights as kind says, biases zero.  A weight depends on
 *  seed, layer and its index alone. */
void sn_init_parameters(const sn_network *model, sn_init kind, double scale,
                        uint64_t seed, sn_real *parameters);

#endif
