/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads exported files byte by byte: safetensors, and ONNX as a protocol buffer. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text/utf8.h"
#include "eval/export/export.h"

enum { INPUT = 3, HIDDEN = 2, CLASSES = 4, FILE_BYTES = 1 << 16 };

typedef struct exported {
    sn_network network;
    float *parameters;
    unsigned char bytes[FILE_BYTES];
    size_t count;
} exported;

/* Fills from with a network whose parameters are 1, 2, 3 ..., and reads its export. */
static void export(exported *from, sn_activation activation, sn_export_format format)
{
    static const size_t hidden[] = {HIDDEN};
    char path[] = "/tmp/shardnet-export-XXXXXX";
    sn_error err;
    sn_checkpoint_info info = {.activation = "lecun_tanh",
                               .activation_scale_in = 0.5,
                               .activation_scale_out = 1.75,
                               .input_scale = 0.25,
                               .digest = "abc",
                               .position = {.epoch = 7, .step = 70}};
    assert_int_equal(
        sn_network_init(&from->network, INPUT, hidden, 1, CLASSES, activation, &err),
        SN_OK);
    from->parameters = sn_alloc(from->network.arena, sizeof(float));
    assert_non_null(from->parameters);
    for (size_t i = 0; i < from->network.arena; i++) {
        from->parameters[i] = (float)(i + 1);
    }
    const sn_export model = {&info, &from->network, from->parameters};
    assert_true(mkstemp(path) >= 0);
    assert_int_equal(sn_export_write(&model, 1, format, path, &err), SN_OK);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    from->count = fread(from->bytes, 1, FILE_BYTES, file);
    assert_true(from->count < FILE_BYTES);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(remove(path), 0);
}

static void clear(exported *from)
{
    sn_network_clear(&from->network);
    free(from->parameters);
}

/* Checks that bytes hold values (count) as little-endian float32. */
static void expect_floats(const unsigned char *bytes, const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = 0;
        float value;
        for (size_t k = 0; k < 4; k++) {
            bits |= (uint32_t)bytes[4 * i + k] << 8 * k;
        }
        memcpy(&value, &bits, sizeof value);
        assert_true(value == values[i]);
    }
}

static void safetensors_hold_header_and_tensors(void **state)
{
    (void)state;
    static const char properties[] =
        "\"network\":\"3-2-4\",\"activation\":\"lecun_tanh\","
        "\"activation_scale_in\":\"0.5\",\"activation_scale_out\":\"1.75\","
        "\"input_scale\":\"0.25\",\"epoch\":\"7\",\"step\":\"70\",";
    static const char tensors[] =
        "\"checkpoint_digest\":\"abc\"},"
        "\"0.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
        "\"0.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[24,32]},"
        "\"2.weight\":{\"dtype\":\"F32\",\"shape\":[4,2],\"data_offsets\":[32,64]},"
        "\"2.bias\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[64,80]}}";
    static exported made;
    export(&made, SN_LECUN_TANH, SN_EXPORT_SAFETENSORS);
    size_t length = 0;
    for (size_t k = 0; k < 8; k++) {
        length |= (size_t)made.bytes[k] << 8 * k;
    }
    assert_int_equal(length % 8, 0);
    assert_int_equal(made.count, 8 + length + 80);
    char header[FILE_BYTES];
    memcpy(header, made.bytes + 8, length);
    header[length] = '\0';
    assert_int_equal(strncmp(header, "{\"__metadata__\":{\"format\":\"pt\",", 31), 0);
    assert_non_null(strstr(header, properties));
    const char *found = strstr(header, tensors);
    assert_non_null(found);
    found += strlen(tensors);
    assert_int_equal(strspn(found, " "), strlen(found));
    const unsigned char *data = made.bytes + 8 + length;
    for (size_t l = 0; l < 2; l++) {
        const sn_layer *layer = &made.network.layer[l];
        const size_t count = layer->in * layer->out;
        expect_floats(data, made.parameters + layer->weight, count);
        expect_floats(data + 4 * count, made.parameters + layer->bias, layer->out);
        data += 4 * (count + layer->out);
    }
    clear(&made);
}

/* A field of a message: its number, and its value or its content. */
typedef struct field {
    uint64_t number, value;
    const unsigned char *content;
} field;

static uint64_t read_varint(const unsigned char **at)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        assert_true(shift < 64);
        const unsigned char byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
}

/* Reads the next field of a message that ends at end; returns false at the end. */
static bool next_field(const unsigned char **at, const unsigned char *end, field *next)
{
    if (*at == end) {
        return false;
    }
    const uint64_t tag = read_varint(at);
    *next = (field){.number = tag >> 3, .value = read_varint(at), .content = *at};
    assert_true((tag & 7) == 0 || (tag & 7) == 2);
    if ((tag & 7) == 2) {
        assert_true(next->value <= (size_t)(end - *at));
        *at += next->value;
    }
    return true;
}

/* Finds field number of the message parent, the one after skip others. */
static field find(field parent, uint64_t number, size_t skip)
{
    const unsigned char *at = parent.content;
    field found = {0};
    while (next_field(&at, parent.content + parent.value, &found)) {
        if (found.number == number && skip-- == 0) {
            return found;
        }
    }
    return (field){0};
}

static void expect_name(field text, const char *wanted)
{
    assert_int_equal(text.value, strlen(wanted));
    assert_memory_equal(text.content, wanted, text.value);
}

/* Checks the operators of the graph, in order, and that each node reads its
 * predecessor. */
static void expect_nodes(field graph, const char *const operators[])
{
    field before = {.value = 6, .content = (const unsigned char *)"pixels"};
    size_t i = 0;
    for (; operators[i] != NULL; i++) {
        const field node = find(graph, 1, i), input = find(node, 1, 0);
        expect_name(find(node, 4, 0), operators[i]);
        assert_int_equal(input.value, before.value);
        assert_memory_equal(input.content, before.content, before.value);
        before = find(node, 2, 0);
        if (strcmp(operators[i], "Gemm") == 0) {
            const field attribute = find(node, 5, 0);
            expect_name(find(attribute, 1, 0), "transB");
            assert_int_equal(find(attribute, 3, 0).value, 1);
        }
    }
    expect_name(before, "probabilities");
    assert_null(find(graph, 1, i).content);
}

/* Checks tensor i of the graph.  cols = 0: it has one dimension. */
static void expect_tensor(field graph, size_t i, const char *name, size_t rows,
                          size_t cols, const float *values)
{
    const field tensor = find(graph, 5, i), bytes = find(tensor, 9, 0);
    const size_t count = rows * (cols > 0 ? cols : 1);
    expect_name(find(tensor, 8, 0), name);
    assert_int_equal(find(tensor, 1, 0).value, rows);
    assert_int_equal(find(tensor, 1, 1).value, cols);
    assert_int_equal(find(tensor, 2, 0).value, 1);
    assert_int_equal(bytes.value, 4 * count);
    expect_floats(bytes.content, values, count);
}

static void onnx_holds_graph_and_tensors(void **state)
{
    (void)state;
    static const char *const operators[][7] = {
        [SN_TANH] = {"Gemm", "Tanh", "Gemm", "Softmax"},
        [SN_SIGMOID] = {"Gemm", "Sigmoid", "Gemm", "Softmax"},
        [SN_RELU] = {"Gemm", "Relu", "Gemm", "Softmax"},
        [SN_LECUN_TANH] = {"Gemm", "Mul", "Tanh", "Mul", "Gemm", "Softmax"}};
    static exported made;
    for (sn_activation f = SN_TANH; f <= SN_LECUN_TANH; f++) {
        export(&made, f, SN_EXPORT_ONNX);
        const field model = {.value = made.count, .content = made.bytes};
        const field graph = find(model, 7, 0);
        const sn_layer *layer = made.network.layer;
        assert_int_equal(find(model, 1, 0).value, 7);
        assert_int_equal(find(find(model, 8, 0), 2, 0).value, 13);
        expect_name(find(find(model, 14, 0), 1, 0), "network");
        expect_name(find(find(model, 14, 0), 2, 0), "3-2-4");
        expect_nodes(graph, operators[f]);
        expect_tensor(graph, 0, "layer0.weight", HIDDEN, INPUT,
                      made.parameters + layer[0].weight);
        expect_tensor(graph, 1, "layer0.bias", HIDDEN, 0,
                      made.parameters + layer[0].bias);
        expect_tensor(graph, 2, "layer1.weight", CLASSES, HIDDEN,
                      made.parameters + layer[1].weight);
        expect_tensor(graph, 3, "layer1.bias", CLASSES, 0,
                      made.parameters + layer[1].bias);
        expect_name(find(find(graph, 11, 0), 1, 0), "pixels");
        expect_name(find(find(graph, 12, 0), 1, 0), "logits");
        if (f == SN_LECUN_TANH) {
            const float in = 0.5f, out = 1.75f;
            expect_floats(find(find(graph, 5, 4), 9, 0).content, &in, 1);
            expect_floats(find(find(graph, 5, 5), 9, 0).content, &out, 1);
        }
        clear(&made);
    }
}

static void onnx_refuses_more_than_it_can_hold(void **state)
{
    (void)state;
    sn_error err;
    const sn_network network = {.parameters = (size_t)1 << 29};
    const sn_checkpoint_info info = {.input_scale = 1};
    const sn_export model = {.info = &info, .network = &network};
    assert_int_equal(sn_export_write(&model, 1, SN_EXPORT_ONNX, "never", &err),
                     SN_ERANGE);
    assert_non_null(strstr(err.message, "safetensors"));
}

static void json_strings_are_escaped(void **state)
{
    (void)state;
    char text[64] = "";
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    sn_json_print_string(out, "a\"\\\n\x7f\xff\xc3\xa4");
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, "\"a\\\"\\\\\\u000a\\u007f\\ufffd\xc3\xa4\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(safetensors_hold_header_and_tensors),
        cmocka_unit_test(onnx_holds_graph_and_tensors),
        cmocka_unit_test(onnx_refuses_more_than_it_can_hold),
        cmocka_unit_test(json_strings_are_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
