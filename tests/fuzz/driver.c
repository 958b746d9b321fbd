/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs a fuzz target without libFuzzer, with any C compiler:
 *
 *     fuzz_TARGET [--seconds S] [--runs N] [--seed K] [--first I] [--forge]
 *     fuzz_TARGET --corpus DIR      write the seeds as files
 *     fuzz_TARGET FILE...           run these inputs, for example a crash
 *
 * Input I of seed K is one of the target's seeds after a few mutations; it is a
 * function of K and I.  Each child process runs BATCH inputs.  If an input crashes,
 * leaks, hangs or needs too much memory, the run prints its number, writes it to a file
 * in the current folder and ends with exit code 1.
 *
 * With clang, the targets also run under libFuzzer, which finds more errors because it
 * measures the covered code:
 *
 *     CC=clang cmake --preset asan -B build/fuzz -DSHARDNET_FUZZER=ON
 *         -DSHARDNET_SANITIZE=fuzzer-no-link,address,undefined
 *     cmake --build build/fuzz
 *     build/fuzz/tests/fuzz_checkpoint --corpus seeds
 *     build/fuzz/tests/libfuzzer_checkpoint -max_len=65536 -rss_limit_mb=512
 *         -malloc_limit_mb=128 seeds */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/numeric/rng.h"
#include "base/system/clock.h"
#include "fuzz.h"

enum {
    SEEDS_MAX = 16,
    BATCH = 2000,
    SECONDS_PER_INPUT = 20,
    /* with the limit of deflate, 64 KiB become 66 MiB */
    DATA_MIB_MAX = 128, /* sanitizers.c has the same limit */
    RESIDENT_MIB_MAX = 512
};

typedef struct seed {
    uint8_t *data;
    size_t size;
} seed;

typedef struct options {
    double seconds;
    uint64_t key, first, runs;
    int forge;
} options;

/* Memory that the parent shares with its children. */
typedef struct position {
    uint64_t current; /* number of the running input */
} position;

typedef struct input {
    uint8_t data[FUZZ_BYTES_MAX];
    size_t size;
} input;

static seed seeds[SEEDS_MAX];
static size_t seed_count;

static size_t below(sn_rng *rng, size_t limit)
{
    return limit > 0 ? sn_rng_next(rng) % limit : 0;
}

static void flip_bit(input *in, sn_rng *rng)
{
    if (in->size > 0) {
        in->data[below(rng, in->size)] ^= (uint8_t)(1u << below(rng, 8));
    }
}

static void set_byte(input *in, sn_rng *rng)
{
    if (in->size > 0) {
        in->data[below(rng, in->size)] = (uint8_t)sn_rng_next(rng);
    }
}

/* Writes a boundary value of 1, 2, 4 or 8 bytes in either byte order. */
static void set_number(input *in, sn_rng *rng)
{
    static const uint64_t numbers[] = {0,
                                       1,
                                       2,
                                       0x7f,
                                       0x80,
                                       0xff,
                                       0x100,
                                       0x7fff,
                                       0xffff,
                                       0x10000,
                                       0x7fffffff,
                                       0x80000000,
                                       0xffffffff,
                                       0x100000000,
                                       UINT64_C(0x7fffffffffffffff),
                                       UINT64_C(0x8000000000000000),
                                       UINT64_MAX};
    const size_t width = (size_t)1 << below(rng, 4);
    if (in->size < width) {
        return;
    }
    const size_t at = below(rng, in->size - width + 1);
    const uint64_t number = numbers[below(rng, sizeof numbers / sizeof numbers[0])];
    const size_t big_endian = below(rng, 2);
    for (size_t i = 0; i < width; i++) {
        const size_t place = big_endian ? width - 1 - i : i;
        in->data[at + place] = (uint8_t)(number >> (8 * i));
    }
}

static void cut_off(input *in, sn_rng *rng)
{
    in->size = below(rng, in->size + 1);
}

static void cut_out(input *in, sn_rng *rng)
{
    const size_t at = below(rng, in->size + 1);
    const size_t peak = in->size - at < 64 ? in->size - at : 64;
    const size_t bytes = below(rng, peak + 1);
    memmove(in->data + at, in->data + at + bytes, in->size - at - bytes);
    in->size -= bytes;
}

/* Moves the bytes from at on to make room for bytes more; returns the room. */
static uint8_t *make_room(input *in, size_t at, size_t bytes)
{
    memmove(in->data + at + bytes, in->data + at, in->size - at);
    in->size += bytes;
    return in->data + at;
}

static void insert(input *in, sn_rng *rng)
{
    const size_t at = below(rng, in->size + 1), bytes = 1 + below(rng, 32);
    if (bytes > FUZZ_BYTES_MAX - in->size) {
        return;
    }
    uint8_t *room = make_room(in, at, bytes);
    const uint8_t same = (uint8_t)sn_rng_next(rng);
    const size_t repeated = below(rng, 2);
    for (size_t i = 0; i < bytes; i++) {
        room[i] = repeated ? same : (uint8_t)sn_rng_next(rng);
    }
}

/* Copies a part of a random seed over the input or inserts it. */
static void splice(input *in, sn_rng *rng)
{
    const seed *from = &seeds[below(rng, seed_count)];
    const size_t start = below(rng, from->size);
    const size_t bytes =
        1 + below(rng, from->size - start < 256 ? from->size - start : 256);
    const size_t at = below(rng, in->size + 1);
    if (start + bytes > from->size || bytes > FUZZ_BYTES_MAX - in->size) {
        return;
    }
    if (below(rng, 2) != 0) {
        (void)make_room(in, at, bytes);
    } else if (at + bytes > in->size) {
        in->size = at + bytes;
    }
    memcpy(in->data + at, from->data + start, bytes);
}

typedef void mutation(input *in, sn_rng *rng);

static mutation *const mutations[] = {flip_bit,   flip_bit,   set_byte,
                                      set_number, set_number, cut_off,
                                      cut_out,    insert,     splice};

static void make_input(const options *chosen, uint64_t number, input *in)
{
    sn_rng rng;
    sn_rng_init(&rng, chosen->key, SN_RNG_SYNTH, 0, (uint32_t)(number >> 32),
                (uint32_t)number);
    const seed *from = &seeds[below(&rng, seed_count)];
    memcpy(in->data, from->data, from->size);
    in->size = from->size;
    /* usually one or two mutations, sometimes many */
    size_t count = 1 + below(&rng, 2);
    count += below(&rng, 4) == 0 ? below(&rng, 16) : 0;
    for (size_t i = 0; i < count; i++) {
        mutations[below(&rng, sizeof mutations / sizeof mutations[0])](in, &rng);
    }
    if (chosen->forge) {
        fuzz_repair(in->data, in->size);
    }
}

static double mebibytes(const struct rusage *usage)
{
    return (double)usage->ru_maxrss / 1024;
}

/* The target receives memory of the exact size, so that sanitizers detect a read after
 * it. */
static void run_one(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size > 0 ? size : 1);
    if (exact == NULL) {
        fuzz_never("no memory for an input");
    }
    memcpy(exact, data, size);
    (void)alarm(SECONDS_PER_INPUT);
    (void)LLVMFuzzerTestOneInput(exact, size);
    (void)alarm(0);
    free(exact);
}

#ifndef SHARDNET_SANITIZED
/* Returns the bytes of data that the loaded libraries use; 0 if unknown. */
static rlim_t data_in_use(void)
{
    unsigned long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (statm != NULL) {
        if (fscanf(statm, "%*u %*u %*u %*u %*u %lu", &pages) != 1) {
            pages = 0;
        }
        fclose(statm);
    }
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}
#endif

/* Sanitizers reserve much more memory and have their own limit. */
static void limit_memory(void)
{
#ifndef SHARDNET_SANITIZED
    const rlim_t bytes = ((rlim_t)DATA_MIB_MAX << 20) + data_in_use();
    const struct rlimit limit = {bytes, bytes};
    if (setrlimit(RLIMIT_DATA, &limit) != 0) {
        fuzz_never("no limit: %s", strerror(errno));
    }
#endif
}

/* Runs the inputs first .. end - 1 in a child. */
static void run_batch(const options *chosen, uint64_t first, uint64_t end, double until,
                      position *shared)
{
    static input in;
    limit_memory();
    for (uint64_t i = first; i < end && (i == first || sn_clock_seconds() < until);
         i++) {
        shared->current = i;
        make_input(chosen, i, &in);
        run_one(in.data, in.size);
    }
    shared->current++;
    for (size_t i = 0; i < seed_count; i++) {
        free(seeds[i].data);
    }
}

static int report(const options *chosen, uint64_t number, const char *program,
                  const char *what)
{
    static input in;
    char name[64];
    make_input(chosen, number, &in);
    snprintf(name, sizeof name, "crash-%" PRIu64 "-%" PRIu64, chosen->key, number);
    FILE *file = fopen(name, "wb");
    if (file != NULL) {
        (void)fwrite(in.data, 1, in.size, file);
        (void)fclose(file);
    }
    fprintf(stderr,
            "%s: %s at input %" PRIu64 " of seed %" PRIu64
            ", %zu bytes, written to %s\n",
            program, what, number, chosen->key, in.size, name);
    return 1;
}

static int run_all(const options *chosen, const char *program)
{
    position *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        fuzz_never("no shared memory");
    }
    /* the parent owns the file, so that it is removed even if a child crashes */
    (void)fuzz_file(NULL, 0);
    const uint64_t end = chosen->first + chosen->runs;
    const double until = sn_clock_seconds() + chosen->seconds;
    double peak = 0;
    shared->current = chosen->first;
    while (shared->current < end && sn_clock_seconds() < until) {
        const uint64_t first = shared->current;
        const uint64_t left = end - first;
        (void)fflush(NULL);
        const pid_t child = fork();
        if (child == 0) {
            run_batch(chosen, first, first + (left < BATCH ? left : BATCH), until,
                      shared);
            exit(0);
        }
        int result;
        struct rusage usage;
        if (child < 0 || waitpid(child, &result, 0) != child ||
            getrusage(RUSAGE_CHILDREN, &usage) != 0) {
            fuzz_never("no child: %s", strerror(errno));
        }
        if (WIFSIGNALED(result)) {
            return report(chosen, shared->current, program,
                          strsignal(WTERMSIG(result)));
        }
        if (WEXITSTATUS(result) != 0) {
            return report(chosen, shared->current, program,
                          "an error, or a leak at or before it,");
        }
        peak = mebibytes(&usage);
        if (peak > RESIDENT_MIB_MAX) {
            return report(chosen, shared->current, program,
                          "too much memory, at or before it,");
        }
    }
    printf("%s: %" PRIu64 " inputs of seed %" PRIu64 ", at most %.0f MiB resident\n",
           program, shared->current - chosen->first, chosen->key, peak);
    return 0;
}

static int write_corpus(const char *folder)
{
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        fuzz_never("cannot create %s: %s", folder, strerror(errno));
    }
    for (size_t i = 0; i < seed_count; i++) {
        char name[4096];
        snprintf(name, sizeof name, "%s/seed-%zu", folder, i);
        FILE *file = fopen(name, "wb");
        if (file == NULL ||
            fwrite(seeds[i].data, 1, seeds[i].size, file) != seeds[i].size ||
            fclose(file) != 0) {
            fuzz_never("cannot write %s", name);
        }
    }
    return 0;
}

static int run_file(const char *name)
{
    static input in;
    FILE *file = fopen(name, "rb");
    if (file == NULL) {
        fuzz_never("cannot open %s: %s", name, strerror(errno));
    }
    in.size = fread(in.data, 1, sizeof in.data, file);
    (void)fclose(file);
    limit_memory();
    run_one(in.data, in.size);
    printf("%s: passed\n", name);
    return 0;
}

/* Checks that the correction of checksums does not change a valid input. */
static void check_repair(const seed *good)
{
    uint8_t *repaired = malloc(good->size);
    if (repaired == NULL) {
        fuzz_never("no memory");
    }
    memcpy(repaired, good->data, good->size);
    fuzz_repair(repaired, good->size);
    if (memcmp(repaired, good->data, good->size) != 0) {
        fuzz_never("fuzz_repair changes a valid input");
    }
    free(repaired);
}

static void make_seeds(void)
{
    while (seed_count < SEEDS_MAX &&
           (seeds[seed_count].data = fuzz_seed(seed_count, &seeds[seed_count].size)) !=
               NULL) {
        check_repair(&seeds[seed_count]);
        seed_count++;
    }
    if (seed_count == 0) {
        fuzz_never("no seeds");
    }
}

/* Sets an option that has a value; returns false if name is not such an option. */
static int set_option(options *chosen, const char **corpus, const char *name,
                      const char *value)
{
    if (strcmp(name, "--seconds") == 0) {
        chosen->seconds = strtod(value, NULL);
    } else if (strcmp(name, "--runs") == 0) {
        chosen->runs = strtoull(value, NULL, 10);
    } else if (strcmp(name, "--seed") == 0) {
        chosen->key = strtoull(value, NULL, 10);
    } else if (strcmp(name, "--first") == 0) {
        chosen->first = strtoull(value, NULL, 10);
    } else if (strcmp(name, "--corpus") == 0) {
        *corpus = value;
    } else {
        return 0;
    }
    return 1;
}

int main(int argc, char **argv)
{
    options chosen = {.seconds = 5, .key = 1, .runs = UINT64_C(1) << 40};
    int failed = 0, files = 0;
    const char *corpus = NULL;
    make_seeds();
    for (int i = 1; i < argc; i++) {
        if (i + 1 < argc && set_option(&chosen, &corpus, argv[i], argv[i + 1])) {
            i++;
        } else if (strcmp(argv[i], "--forge") == 0) {
            chosen.forge = 1;
        } else {
            failed |= run_file(argv[i]);
            files++;
        }
    }
    if (corpus != NULL) {
        failed = write_corpus(corpus);
    } else if (files == 0) {
        failed = run_all(&chosen, argv[0]);
    }
    for (size_t i = 0; i < seed_count; i++) {
        free(seeds[i].data);
    }
    return failed;
}
