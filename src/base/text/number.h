/* SPDX-License-Identifier: BSD-3-Clause */
/** Formats numbers for the console and for reports. */
#ifndef SHARDNET_BASE_TEXT_NUMBER_H
#define SHARDNET_BASE_TEXT_NUMBER_H

enum { SN_NUMBER_BYTES = 32 };

/** Writes value with this number of decimals or, if this needs more than ten
 *  characters, with four significant digits, such as 9.29e+29.  Returns text. */
const char *sn_number_text(double value, int decimals, char text[SN_NUMBER_BYTES]);

#endif
