/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/system/locale.h"

/* The C library keeps the locale C in static memory: newlocale cannot fail. */
locale_t sn_locale_enter(void)
{
    const locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return uselocale(c);
}

void sn_locale_leave(const locale_t *former)
{
    freelocale(uselocale(*former));
}
