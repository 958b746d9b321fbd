/* SPDX-License-Identifier: BSD-3-Clause */
/** The locale of a thread.  A program that calls the library may have set any locale,
 *  but the library reads and writes numbers with a decimal point. */
#ifndef SHARDNET_BASE_SYSTEM_LOCALE_H
#define SHARDNET_BASE_SYSTEM_LOCALE_H

#include <locale.h>

/** Selects the locale C for this thread.  Returns the former locale for _leave. */
locale_t sn_locale_enter(void);

/** Selects the locale *former again. */
void sn_locale_leave(const locale_t *former);

/** As the first statement of a block, selects the locale C for this thread until the
 *  block ends, in any way.  Every public function that reads or writes numbers, and
 *  every thread that the library starts, begins with it; blocks may be nested. */
#define SN_LOCALE_C()                                                                  \
    const locale_t sn_locale_former                                                    \
        __attribute__((unused, cleanup(sn_locale_leave))) = sn_locale_enter()

#endif
