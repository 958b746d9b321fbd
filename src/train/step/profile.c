/* SPDX-License-Identifier: BSD-3-Clause */
#include "train/step/profile.h"

void sn_profile_add(sn_profile *sum, const sn_profile *more)
{
    sum->gather += more->gather;
    sum->forward += more->forward;
    sum->backward += more->backward;
    sum->reduce += more->reduce;
    sum->update += more->update;
}

double sn_profile_total(const sn_profile *phases)
{
    return phases->gather + phases->forward + phases->backward + phases->reduce +
           phases->update;
}
