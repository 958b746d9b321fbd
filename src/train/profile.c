#include "train/profile.h"

void sn_phases_add(sn_phases *sum, const sn_phases *more)
{
    sum->gather += more->gather;
    sum->forward += more->forward;
    sum->backward += more->backward;
    sum->reduce += more->reduce;
    sum->update += more->update;
}

double sn_phases_total(const sn_phases *phases)
{
    return phases->gather + phases->forward + phases->backward + phases->reduce +
           phases->update;
}
