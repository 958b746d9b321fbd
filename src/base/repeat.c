#include "base/repeat.h"

#include <math.h>

void sn_repeat_least(sn_repeat_run *run, void *user, int contestants, int fewest,
                     int most, double enough, double *least)
{
    double spent = 0;
    for (int c = 0; c < contestants; c++) {
        (void)run(user, c);
        least[c] = INFINITY;
    }
    for (int round = 0; round < fewest || (round < most && spent < enough); round++) {
        for (int c = 0; c < contestants; c++) {
            const double seconds = run(user, c);
            spent += seconds;
            least[c] = fmin(least[c], seconds);
        }
    }
}
