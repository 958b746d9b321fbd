/* SPDX-License-Identifier: BSD-3-Clause */
/** Corrects the checksums of changed HDF5 metadata, so that the library does not reject
 *  the file for them: those of the superblock (version 2 or 3) and of every object
 *  header (version 2).  Source: HDF5 File Format Specification 3.0, II.A and IV.A.1.b.
 *  A checksum is Bob Jenkins's lookup3 (2006, public domain) of the bytes before it. */
#ifndef SHARDNET_TESTS_FUZZ_HDF5_CHECKSUM_H
#define SHARDNET_TESTS_FUZZ_HDF5_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

void hdf5_repair(uint8_t *data, size_t size);

#endif
