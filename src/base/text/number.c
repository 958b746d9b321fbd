/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/text/number.h"

#include <stdio.h>

const char *sn_number_text(double value, int decimals, char text[SN_NUMBER_BYTES])
{
    enum { MOST = 10 };
    if (snprintf(text, SN_NUMBER_BYTES, "%.*f", decimals, value) > MOST) {
        snprintf(text, SN_NUMBER_BYTES, "%.4g", value);
    }
    return text;
}
