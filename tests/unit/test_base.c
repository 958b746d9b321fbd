/* SPDX-License-Identifier: BSD-3-Clause */
/* The functions of src/base. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/numeric/digest.h"
#include "base/numeric/rng.h"
#include "base/system/clock.h"
#include "base/system/file.h"
#include "shardnet/status.h"

static void exit_codes_are_those_of_sysexits(void **state)
{
    (void)state;
    assert_int_equal(sn_status_exit_code(SN_OK), 0);
    assert_int_equal(sn_status_exit_code(SN_EDIFFERENT), 1);
    assert_int_equal(sn_status_exit_code(SN_EUSAGE), 64);
    assert_int_equal(sn_status_exit_code(SN_EDATA), 65);
    assert_int_equal(sn_status_exit_code(SN_ENOINPUT), 66);
    assert_int_equal(sn_status_exit_code(SN_EMPI), 70);
    assert_int_equal(sn_status_exit_code(SN_ECREATE), 73);
    assert_int_equal(sn_status_exit_code(SN_EIO), 74);
    assert_int_equal(sn_status_exit_code(SN_ESTOPPED), 75);
    assert_int_equal(sn_status_exit_code(SN_EDIVERGED), 76);
    assert_int_equal(sn_status_exit_code(SN_ECONFIG), 78);
    assert_int_equal(sn_status_exit_code((sn_status)1000), 70);
}

static void a_message_is_one_line(void **state)
{
    (void)state;
    sn_error err;
    assert_int_equal(sn_fail(&err, SN_EDATA, "a\nb %d", 3), SN_EDATA);
    assert_string_equal(err.message, "a b 3");
    assert_int_equal(sn_fail(NULL, SN_EIO, "no caller"), SN_EIO);
}

static void memory_is_aligned_zeroed_and_checked_for_overflow(void **state)
{
    (void)state;
    unsigned char *memory = sn_alloc(1000, 3);
    assert_non_null(memory);
    assert_int_equal((uintptr_t)memory % SN_ALIGNMENT, 0);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(memory[i], 0);
    }
    free(memory);
    assert_null(sn_alloc(SIZE_MAX / 2, 3));
    assert_null(sn_alloc(SIZE_MAX, 1));
    void *empty = sn_alloc(0, 8);
    assert_non_null(empty);
    free(empty);
}

/* Discarded pages read as zeros on Linux; they begin and end inside the memory. */
static void only_large_memory_is_discarded(void **state)
{
    (void)state;
    enum { BYTES = SN_LARGE_BYTES + 2 };
    unsigned char *memory = sn_alloc(BYTES, 1);
    assert_non_null(memory);
    memset(memory, 1, BYTES);
    sn_mem_discard(memory + 1, SN_LARGE_BYTES - 1);
    assert_int_equal(memory[BYTES / 2], 1);
    sn_mem_discard(memory + 1, SN_LARGE_BYTES);
    assert_int_equal(memory[0], 1);
    assert_int_equal(memory[BYTES / 2], 0);
    assert_int_equal(memory[BYTES - 1], 1);
    free(memory);
}

/* The expected values are those of kat_vectors in Random123 (philox4x32 10). */
static void philox_matches_the_published_vectors(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], expected[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t out[4];
        const uint32_t *c = cases[i].counter, *k = cases[i].key;
        sn_rng_block((uint64_t)k[1] << 32 | k[0], (sn_rng_purpose)(c[3] >> 24),
                     c[3] & 0xffffff, c[2], c[1], c[0], out);
        assert_memory_equal(out, cases[i].expected, sizeof out);
    }
}

static void uniform_draws_are_inside_the_open_interval(void **state)
{
    (void)state;
    assert_true(sn_rng_unit(0) > 0);
    assert_true(sn_rng_unit(UINT32_MAX) < 1);
    sn_rng rng;
    sn_rng_init(&rng, 7, SN_RNG_AUGMENT, 1, 2, 3);
    double sum = 0, square = 0;
    enum { DRAWS = 100000 };
    for (int i = 0; i < DRAWS; i++) {
        double u = (double)sn_rng_uniform(&rng);
        sum += u;
        square += u * u;
    }
    /* mean 1/2 and second moment 1/3 within five standard errors */
    assert_true(fabs(sum / DRAWS - 0.5) < 5 * 0.2887 / sqrt(DRAWS));
    assert_true(fabs(square / DRAWS - 1.0 / 3) < 5 * 0.2981 / sqrt(DRAWS));
}

static void seeds_purposes_and_items_have_different_streams(void **state)
{
    (void)state;
    uint32_t base[4], other[4];
    sn_rng_block(1, SN_RNG_DROPOUT, 1, 2, 3, 4, base);
    sn_rng_block(1, SN_RNG_AUGMENT, 1, 2, 3, 4, other);
    assert_memory_not_equal(base, other, sizeof base);
    sn_rng_block(1, SN_RNG_DROPOUT, 1, 2, 4, 4, other);
    assert_memory_not_equal(base, other, sizeof base);
    sn_rng_block(2, SN_RNG_DROPOUT, 1, 2, 3, 4, other);
    assert_memory_not_equal(base, other, sizeof base);
}

static void many_blocks_match_single_blocks(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 7, 196, 255, 256, 257, 1500};
    static uint32_t words[4 * 1500 + 1];
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        const size_t blocks = counts[i];
        words[4 * blocks] = 0xABABABAB;
        sn_rng_blocks(0x123456789abcdef0, SN_RNG_DROPOUT, 3, 5, 77, 9, blocks, words);
        for (size_t b = 0; b < blocks; b++) {
            uint32_t one[4];
            sn_rng_block(0x123456789abcdef0, SN_RNG_DROPOUT, 3, 5, 77, 9 + (uint32_t)b,
                         one);
            for (size_t q = 0; q < 4; q++) {
                assert_int_equal(words[q * blocks + b], one[q]);
            }
        }
        assert_int_equal(words[4 * blocks], 0xABABABAB);
    }
}

static void a_digest_is_the_sha256(void **state)
{
    (void)state;
    char text[SN_DIGEST_TEXT_BYTES];
    sn_error err;
    assert_int_equal(sn_digest_buffer("abc", 3, text, &err), SN_OK);
    assert_string_equal(
        text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void assert_all_differ(uint64_t *hashes, size_t count)
{
    qsort(hashes, count, sizeof *hashes, by_value);
    for (size_t i = 1; i < count; i++) {
        assert_true(hashes[i - 1] != hashes[i]);
    }
}

static void a_hash_depends_on_every_bit_length_and_position(void **state)
{
    (void)state;
    enum { BYTES = 1000, MORE = BYTES + 1 + 10 };
    static uint64_t hashes[8 * BYTES + MORE];
    static unsigned char data[BYTES], copy[BYTES + 1];
    for (size_t i = 0; i < BYTES; i++) {
        data[i] = (unsigned char)(i * i + i / 7);
    }
    size_t count = 0;
    for (size_t length = 0; length <= BYTES; length++) {
        hashes[count++] = sn_hash(0, data, length);
    }
    for (size_t bit = 0; bit < 8 * (size_t)BYTES; bit++) {
        data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        hashes[count++] = sn_hash(0, data, BYTES);
        data[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    for (uint64_t seed = 1; seed <= 10; seed++) {
        hashes[count++] = sn_hash(seed, data, BYTES);
    }
    assert_int_equal(count, sizeof hashes / sizeof hashes[0]);
    assert_all_differ(hashes, count);

    /* the address does not matter; two sign bits of one lane, and the number of zeroes,
     * do */
    memcpy(copy + 1, data, BYTES);
    assert_true(sn_hash(0, copy + 1, BYTES) == sn_hash(0, data, BYTES));
    memcpy(copy, data, BYTES);
    copy[3] ^= 0x80;
    copy[128 + 3] ^= 0x80;
    assert_true(sn_hash(0, copy, BYTES) != sn_hash(0, data, BYTES));
    memset(copy, 0, sizeof copy);
    assert_true(sn_hash(0, copy, 256) != sn_hash(0, copy, 384));
}

int __real_fsync(int descriptor);
int __wrap_fsync(int descriptor);

static ino_t synced[16];
static size_t synced_count;

int __wrap_fsync(int descriptor)
{
    struct stat info;
    assert_int_equal(fstat(descriptor, &info), 0);
    if (synced_count < sizeof synced / sizeof synced[0]) {
        synced[synced_count++] = info.st_ino;
    }
    return __real_fsync(descriptor);
}

static void the_parents_of_new_folders_are_fsynced(void **state)
{
    (void)state;
    char top[] = "/tmp/shardnet-base-XXXXXX", middle[64], path[64];
    sn_error err;
    struct stat info[2];
    assert_non_null(mkdtemp(top));
    snprintf(middle, sizeof middle, "%s/a", top);
    snprintf(path, sizeof path, "%s/a/b", top);
    synced_count = 0;
    assert_int_equal(sn_folder_create(path, &err), SN_OK);
    assert_int_equal(stat(top, &info[0]), 0);
    assert_int_equal(stat(middle, &info[1]), 0);
    assert_int_equal(synced_count, 2);
    assert_true(synced[0] == info[0].st_ino && synced[1] == info[1].st_ino);
    assert_int_equal(sn_folder_create(path, &err), SN_OK);
    assert_int_equal(synced_count, 2);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(middle), 0);
    assert_int_equal(rmdir(top), 0);
}

static void a_file_is_published_whole_or_not_at_all(void **state)
{
    (void)state;
    char folder[] = "/tmp/shardnet-base-XXXXXX", path[SN_PATH_BYTES];
    sn_error err;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(sn_path_join(path, folder, "a/b/c", &err), SN_OK);
    assert_int_equal(sn_folder_create(path, &err), SN_OK);
    assert_int_equal(sn_folder_create(path, &err), SN_OK);
    assert_true(sn_is_folder(path));

    assert_int_equal(sn_path_join(path, folder, "text", &err), SN_OK);
    assert_int_equal(sn_file_write_text(path, "hello\n", &err), SN_OK);
    assert_true(sn_file_exists(path));
    char temporary[SN_PATH_BYTES];
    snprintf(temporary, sizeof temporary, "%.4000s.tmp", path);
    assert_false(sn_file_exists(temporary));

    char below[SN_PATH_BYTES];
    snprintf(below, sizeof below, "%.4000s/x", path);
    assert_int_equal(sn_file_write_text(below, "x", &err), SN_ECREATE);
    FILE *file;
    assert_int_equal(sn_file_begin(path, temporary, &file, &err), SN_OK);
    assert_int_equal(fclose(file), 0);
    assert_true(sn_file_exists(temporary));
    assert_int_equal(sn_file_begin(below, temporary, &file, &err), SN_ECREATE);
    assert_non_null(strstr(err.message, temporary)); /* its folder is a file */
    static const char *const not_files[] = {"/dev/null", "/dev/stdout", "/tmp"};
    for (size_t i = 0; i < sizeof not_files / sizeof not_files[0]; i++) {
        assert_int_equal(sn_file_begin(not_files[i], temporary, &file, &err),
                         SN_ECREATE);
        assert_null(file);
        assert_non_null(strstr(err.message, not_files[i]));
    }
    assert_int_equal(sn_folder_create(below, &err), SN_ECREATE);

    char command[SN_PATH_BYTES];
    snprintf(command, sizeof command, "rm -r %.4000s", folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_codes_are_those_of_sysexits),
        cmocka_unit_test(a_message_is_one_line),
        cmocka_unit_test(memory_is_aligned_zeroed_and_checked_for_overflow),
        cmocka_unit_test(only_large_memory_is_discarded),
        cmocka_unit_test(philox_matches_the_published_vectors),
        cmocka_unit_test(uniform_draws_are_inside_the_open_interval),
        cmocka_unit_test(seeds_purposes_and_items_have_different_streams),
        cmocka_unit_test(many_blocks_match_single_blocks),
        cmocka_unit_test(a_digest_is_the_sha256),
        cmocka_unit_test(a_hash_depends_on_every_bit_length_and_position),
        cmocka_unit_test(the_parents_of_new_folders_are_fsynced),
        cmocka_unit_test(a_file_is_published_whole_or_not_at_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
