#include "store/checkpoint/layout.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/real.h"

#define AT(member)   offsetof(sn_checkpoint_info, member)
#define SIZE(member) sizeof(((sn_checkpoint_info *)0)->member)
#define FIELD(group, name, kind, member)                                               \
    {                                                                                  \
        group, name, kind, AT(member), SIZE(member)                                    \
    }
#define PROGRESS(name, kind) FIELD("/progress", #name, kind, progress.name)

const sn_field sn_checkpoint_fields[SN_CHECKPOINT_FIELDS] = {
    FIELD("/", "format_version", SN_FIELD_VERSION, format_version),
    FIELD("/", "program_version", SN_FIELD_TEXT, program_version),
    FIELD("/", "created_utc", SN_FIELD_TEXT, created_utc),
    FIELD("/config", "text", SN_FIELD_CONFIG, config_text),
    FIELD("/model", "input", SN_FIELD_COUNT, input),
    FIELD("/model", "classes", SN_FIELD_COUNT, classes),
    FIELD("/model", "layers", SN_FIELD_COUNT, layers),
    FIELD("/model", "activation", SN_FIELD_TEXT, activation),
    FIELD("/model", "activation_scale_out", SN_FIELD_REAL, activation_scale_out),
    FIELD("/model", "activation_scale_in", SN_FIELD_REAL, activation_scale_in),
    FIELD("/model", "input_scale", SN_FIELD_REAL, input_scale),
    PROGRESS(epoch, SN_FIELD_COUNT),
    PROGRESS(step, SN_FIELD_COUNT),
    PROGRESS(step_in_epoch, SN_FIELD_COUNT),
    PROGRESS(samples_seen, SN_FIELD_COUNT),
    PROGRESS(learning_rate, SN_FIELD_REAL),
    PROGRESS(best_epoch, SN_FIELD_COUNT),
    PROGRESS(best_error, SN_FIELD_REAL),
    PROGRESS(seed, SN_FIELD_WORD),
    PROGRESS(epoch_loss_sum, SN_FIELD_REAL),
    PROGRESS(epoch_correct, SN_FIELD_COUNT),
    PROGRESS(epoch_samples, SN_FIELD_COUNT),
    PROGRESS(train_seconds, SN_FIELD_REAL),
    FIELD("/data", "source", SN_FIELD_TEXT, data_source),
    FIELD("/data", "train_count", SN_FIELD_COUNT, train_count),
    FIELD("/data", "train_digest", SN_FIELD_TEXT, train_digest),
};

const sn_tensor_kind sn_tensor_kinds[SN_TENSOR_KINDS] = {
    {"/model", "weight", 2, "W in Z = X Wt + 1 bt"},
    {"/model", "bias", 1, "b in Z = X Wt + 1 bt"},
    {"/optimizer", "weight", 2, "velocity of W, learning rate included"},
    {"/optimizer", "bias", 1, "velocity of b, learning rate included"},
};

float *sn_layer_tensor(const sn_layer_tensors *layer, int kind)
{
    float *const tensors[SN_TENSOR_KINDS] = {
        layer->weight,
        layer->bias,
        layer->weight_velocity,
        layer->bias_velocity,
    };
    return tensors[kind];
}

void sn_tensor_name(char name[SN_TENSOR_NAME_BYTES], int64_t layer, int kind)
{
    snprintf(name, SN_TENSOR_NAME_BYTES, "%s/layer%" PRId64 "/%s",
             sn_tensor_kinds[kind].group, layer, sn_tensor_kinds[kind].leaf);
}

size_t sn_tensor_count(const sn_layer_tensors *layer, int kind)
{
    size_t out = (size_t)layer->out;
    return sn_tensor_kinds[kind].rank == 2 ? out * (size_t)layer->in : out;
}

enum { CHUNK_ELEMENTS = (1 << 20) / sizeof(float) };

/* Chunked for the sake of the checksum: whole rows where they fit, CHUNK_ELEMENTS at
 * most, in pieces of nearly one size: every chunk takes its full size in the file. */
static void find_chunk(int rank, const hsize_t extents[], hsize_t chunk[])
{
    hsize_t room = CHUNK_ELEMENTS;
    for (int i = rank - 1; i >= 0; i--) {
        const hsize_t pieces = (extents[i] + room - 1) / room;
        chunk[i] = (extents[i] + pieces - 1) / pieces;
        room = room / chunk[i] > 0 ? room / chunk[i] : 1;
    }
}

void sn_tensor_chunks(const sn_layer_tensors *layer, int kind, hsize_t extents[2],
                      hsize_t chunk[2])
{
    extents[0] = (hsize_t)layer->out;
    extents[1] = (hsize_t)layer->in;
    find_chunk(sn_tensor_kinds[kind].rank, extents, chunk);
}

/* Without a branch, so that the loop becomes vector instructions. */
SN_HOT
static uint32_t count_non_finite(const float *values, size_t count)
{
    const uint32_t exponent = UINT32_C(0x7f800000); /* all ones: infinite or NaN */
    uint32_t found = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, &values[i], sizeof word);
        found += (word & exponent) == exponent;
    }
    return found;
}

bool sn_tensor_finite(const float *values, size_t count)
{
    enum { PIECE = 1 << 16 };
    for (size_t first = 0; first < count; first += PIECE) {
        if (count_non_finite(values + first,
                             count - first < PIECE ? count - first : PIECE) != 0) {
            return false;
        }
    }
    return true;
}

void *sn_field_at(const sn_field *field, sn_checkpoint_info *info)
{
    return (char *)info + field->offset;
}

const void *sn_field_of(const sn_field *field, const sn_checkpoint_info *info)
{
    return (const char *)info + field->offset;
}

const char *sn_field_text(const sn_field *field, const sn_checkpoint_info *info)
{
    const char *text = sn_field_of(field, info);
    if (field->kind == SN_FIELD_CONFIG) {
        text = info->config_text;
    }
    return text != NULL ? text : "";
}

static bool is_text(const sn_field *field)
{
    return field->kind == SN_FIELD_TEXT || field->kind == SN_FIELD_CONFIG;
}

bool sn_field_differs(const sn_field *field, const sn_checkpoint_info *a,
                      const sn_checkpoint_info *b)
{
    return is_text(field)
               ? strcmp(sn_field_text(field, a), sn_field_text(field, b)) != 0
               : memcmp(sn_field_of(field, a), sn_field_of(field, b), field->bytes) !=
                     0;
}

/* No control characters, so that a file cannot play tricks on a terminal; only the
 * configuration has lines. */
static bool check_text(const sn_field *field, const sn_checkpoint_info *info,
                       sn_h5_why *why)
{
    bool lines = field->kind == SN_FIELD_CONFIG;
    if (!lines && memchr(sn_field_of(field, info), '\0', field->bytes) == NULL) {
        return sn_h5_because(why, "text longer than %zu bytes", field->bytes - 1);
    }
    for (const char *c = sn_field_text(field, info); *c != '\0'; c++) {
        bool control = (unsigned char)*c < ' ' || *c == 127;
        if (control && !(lines && strchr("\n\r\t", *c) != NULL)) {
            return sn_h5_because(why, "text with control characters");
        }
    }
    return true;
}

static bool check_field(const sn_field *field, const sn_checkpoint_info *info,
                        sn_h5_why *why)
{
    const void *value = sn_field_of(field, info);
    switch (field->kind) {
    case SN_FIELD_COUNT:
        return *(const int64_t *)value >= 0 ||
               sn_h5_because(why, "negative (%" PRId64 ")", *(const int64_t *)value);
    case SN_FIELD_REAL:
        return isfinite(*(const double *)value) ||
               sn_h5_because(why, "not a finite number");
    case SN_FIELD_TEXT:
    case SN_FIELD_CONFIG:
        return check_text(field, info, why);
    case SN_FIELD_VERSION:
    case SN_FIELD_WORD:
        break;
    }
    return true;
}

bool sn_checkpoint_check_info(const sn_checkpoint_info *info, const sn_field **field,
                              sn_h5_why *why)
{
    for (int i = 0; i < SN_CHECKPOINT_FIELDS; i++) {
        *field = &sn_checkpoint_fields[i];
        if (!check_field(*field, info, why)) {
            return false;
        }
        bool layers = (*field)->offset == AT(layers);
        if (layers && (info->layers < 1 || info->layers > SN_LAYERS_MAX)) {
            return sn_h5_because(why, "%" PRId64 " layers, not 1 to %d", info->layers,
                                 SN_LAYERS_MAX);
        }
    }
    return true;
}

static void put_word(unsigned char bytes[8], uint64_t word)
{
    for (int i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(word >> (8 * i));
    }
}

static void add_length(sn_digest *digest, size_t length)
{
    unsigned char bytes[8];
    put_word(bytes, length);
    sn_digest_add(digest, bytes, sizeof bytes);
}

static void add_head(sn_digest *digest, const char *name, size_t bytes)
{
    add_length(digest, strlen(name));
    sn_digest_add(digest, name, strlen(name));
    add_length(digest, bytes);
}

static void add_item(sn_digest *digest, const char *name, const void *value,
                     size_t bytes)
{
    add_head(digest, name, bytes);
    sn_digest_add(digest, value, bytes);
}

static void add_field(sn_digest *digest, const sn_field *field,
                      const sn_checkpoint_info *info)
{
    char name[SN_TENSOR_NAME_BYTES];
    const char *group = strcmp(field->group, "/") == 0 ? "" : field->group;
    snprintf(name, sizeof name, "%s/%s", group, field->name);
    if (is_text(field)) {
        const char *text = sn_field_text(field, info);
        add_item(digest, name, text, strlen(text));
        return;
    }
    uint64_t word;
    memcpy(&word, sn_field_of(field, info), sizeof word);
    unsigned char bytes[8];
    put_word(bytes, word);
    add_item(digest, name, bytes, sizeof bytes);
}

void sn_checkpoint_digest_info(sn_digest *digest, const sn_checkpoint_info *info)
{
    add_item(digest, "format", SN_FORMAT_NAME_CHECKPOINT,
             strlen(SN_FORMAT_NAME_CHECKPOINT));
    for (int i = 0; i < SN_CHECKPOINT_FIELDS; i++) {
        add_field(digest, &sn_checkpoint_fields[i], info);
    }
}

/* bytes (4 count) := the values, the lowest byte of each first. */
static void put_floats(unsigned char *bytes, const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t word;
        memcpy(&word, &values[i], sizeof word);
        for (int b = 0; b < 4; b++) {
            bytes[4 * i + (size_t)b] = (unsigned char)(word >> 8 * b);
        }
    }
}

void sn_checkpoint_digest_tensor(sn_digest *digest, int64_t layer, int kind,
                                 const float *values, size_t count)
{
    enum { PIECE = 4096 };
    char name[SN_TENSOR_NAME_BYTES];
    unsigned char bytes[4 * PIECE];
    sn_tensor_name(name, layer, kind);
    add_head(digest, name, 4 * count);
    while (count > 0) {
        size_t piece = count < PIECE ? count : PIECE;
        put_floats(bytes, values, piece);
        sn_digest_add(digest, bytes, 4 * piece);
        values += piece;
        count -= piece;
    }
}
