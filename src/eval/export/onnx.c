/* SPDX-License-Identifier: BSD-3-Clause */
/* ONNX: a protocol buffer.  The numbers of its fields are those of onnx.proto,
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 *
 *     pixels (N, features) float32 in [0, 1]
 *     each layer: Gemm(input, weight, bias), then the activation
 *     logits (N, classes), probabilities (N, classes) = Softmax(logits)
 *
 * A committee has these nodes for each member, with names that begin with "member0." and
 * so on, and then
 *     probabilities = Mean(member0.probabilities, ...), logits = Log(probabilities) */
#include <limits.h>

#include "eval/export/export.h"
#include "eval/export/protobuf.h"
#include "shardnet/version.h"

/* Operator set 13, which needs version 7 of the format, is from 2020. */
enum { FORMAT_VERSION = 7, OPERATOR_SET = 13 };

enum { /* fields, by message */
       MODEL_FORMAT_VERSION = 1,
       MODEL_PRODUCER = 2,
       MODEL_PRODUCER_VERSION = 3,
       MODEL_GRAPH = 7,
       MODEL_OPERATOR_SET = 8,
       MODEL_PROPERTY = 14,
       OPERATOR_SET_VERSION = 2,
       PROPERTY_KEY = 1,
       PROPERTY_VALUE = 2,
       GRAPH_NODE = 1,
       GRAPH_NAME = 2,
       GRAPH_INITIALIZER = 5,
       GRAPH_INPUT = 11,
       GRAPH_OUTPUT = 12,
       NODE_INPUT = 1,
       NODE_OUTPUT = 2,
       NODE_NAME = 3,
       NODE_OPERATOR = 4,
       NODE_ATTRIBUTE = 5,
       ATTRIBUTE_NAME = 1,
       ATTRIBUTE_INTEGER = 3,
       ATTRIBUTE_TYPE = 20,
       TENSOR_DIMENSION = 1,
       TENSOR_TYPE = 2,
       TENSOR_NAME = 8,
       TENSOR_BYTES = 9,
       VALUE_NAME = 1,
       VALUE_TYPE = 2,
       TYPE_TENSOR = 1,
       TENSOR_TYPE_ELEMENT = 1,
       TENSOR_TYPE_SHAPE = 2,
       SHAPE_DIMENSION = 1,
       DIMENSION_VALUE = 1,
       DIMENSION_NAME = 2
};
enum { FLOAT32 = 1, INTEGER_ATTRIBUTE = 2 }; /* values of TENSOR_TYPE, ATTRIBUTE_TYPE */

typedef struct name {
    char text[96];
} name;

/* A network of the graph, and the beginning of its names. */
typedef struct member {
    const sn_export *model;
    char prefix[32]; /* "", or "member0." in a committee */
} member;

static member member_of(const sn_export *members, size_t count, size_t index)
{
    member made = {members + index, ""};
    if (count > 1) {
        snprintf(made.prefix, sizeof made.prefix, "member%zu.", index);
    }
    return made;
}

/* Returns "member0.logits" for "logits". */
static name name_in(const member *m, const char *part)
{
    name made;
    snprintf(made.text, sizeof made.text, "%s%s", m->prefix, part);
    return made;
}

/* Returns "member0.layer0.weight" for (0, "weight"). */
static name name_of(const member *m, size_t layer, const char *part)
{
    name made;
    snprintf(made.text, sizeof made.text, "%slayer%zu.%s", m->prefix, layer, part);
    return made;
}

/* The name of a node is that of its output.  Returns a node that the caller ends. */
static long begin_node(sn_protobuf *to, const char *operator_name,
                       const char *const inputs[], const char *output)
{
    const long node = sn_protobuf_begin(to, GRAPH_NODE);
    for (size_t i = 0; inputs[i] != NULL; i++) {
        sn_protobuf_text(to, NODE_INPUT, inputs[i]);
    }
    sn_protobuf_text(to, NODE_OUTPUT, output);
    sn_protobuf_text(to, NODE_NAME, output);
    sn_protobuf_text(to, NODE_OPERATOR, operator_name);
    return node;
}

static void write_node(sn_protobuf *to, const char *operator_name, const char *first,
                       const char *second, const char *output)
{
    const char *const inputs[] = {first, second, NULL};
    sn_protobuf_end(to, begin_node(to, operator_name, inputs, output));
}

/* output := f(input) */
static void write_activation(sn_protobuf *to, const member *m, size_t layer,
                             const char *input, const char *output)
{
    static const char *const operators[] = {[SN_TANH] = "Tanh",
                                            [SN_SIGMOID] = "Sigmoid",
                                            [SN_RELU] = "Relu",
                                            [SN_LECUN_TANH] = "Tanh"};
    const char *operator_name = operators[m->model->network->activation];
    if (m->model->network->activation != SN_LECUN_TANH) {
        write_node(to, operator_name, input, NULL, output);
        return;
    }
    const name scaled = name_of(m, layer, "scaled"), tanh = name_of(m, layer, "tanh");
    write_node(to, "Mul", input, name_in(m, "activation_scale_in").text, scaled.text);
    write_node(to, operator_name, scaled.text, NULL, tanh.text);
    write_node(to, "Mul", tanh.text, name_in(m, "activation_scale_out").text, output);
}

/* output := input weight^T + bias */
static void write_affine(sn_protobuf *to, const member *m, size_t layer,
                         const char *input, const char *output)
{
    const name weight = name_of(m, layer, "weight"), bias = name_of(m, layer, "bias");
    const char *const inputs[] = {input, weight.text, bias.text, NULL};
    const long node = begin_node(to, "Gemm", inputs, output);
    const long attribute = sn_protobuf_begin(to, NODE_ATTRIBUTE);
    sn_protobuf_text(to, ATTRIBUTE_NAME, "transB");
    sn_protobuf_integer(to, ATTRIBUTE_INTEGER, 1);
    sn_protobuf_integer(to, ATTRIBUTE_TYPE, INTEGER_ATTRIBUTE);
    sn_protobuf_end(to, attribute);
    sn_protobuf_end(to, node);
}

/* dimensions ends in 0. */
static void write_tensor(sn_protobuf *to, const char *tensor_name,
                         const size_t dimensions[], const float *values)
{
    const long tensor = sn_protobuf_begin(to, GRAPH_INITIALIZER);
    size_t count = 1;
    for (; *dimensions > 0; dimensions++) {
        sn_protobuf_integer(to, TENSOR_DIMENSION, *dimensions);
        count *= *dimensions;
    }
    sn_protobuf_integer(to, TENSOR_TYPE, FLOAT32);
    sn_protobuf_text(to, TENSOR_NAME, tensor_name);
    const long bytes = sn_protobuf_begin(to, TENSOR_BYTES);
    sn_export_floats(to->out, values, count);
    sn_protobuf_end(to, bytes);
    sn_protobuf_end(to, tensor);
}

/* Writes an input or output (N, cols) of the graph. */
static void write_value(sn_protobuf *to, unsigned field, const char *value_name,
                        size_t cols)
{
    const long value = sn_protobuf_begin(to, field);
    sn_protobuf_text(to, VALUE_NAME, value_name);
    const long type = sn_protobuf_begin(to, VALUE_TYPE);
    const long tensor = sn_protobuf_begin(to, TYPE_TENSOR);
    sn_protobuf_integer(to, TENSOR_TYPE_ELEMENT, FLOAT32);
    const long shape = sn_protobuf_begin(to, TENSOR_TYPE_SHAPE);
    const long rows = sn_protobuf_begin(to, SHAPE_DIMENSION);
    sn_protobuf_text(to, DIMENSION_NAME, "N");
    sn_protobuf_end(to, rows);
    const long columns = sn_protobuf_begin(to, SHAPE_DIMENSION);
    sn_protobuf_integer(to, DIMENSION_VALUE, cols);
    sn_protobuf_end(to, columns);
    sn_protobuf_end(to, shape);
    sn_protobuf_end(to, tensor);
    sn_protobuf_end(to, type);
    sn_protobuf_end(to, value);
}

static void write_nodes(sn_protobuf *to, const member *m)
{
    const sn_network *network = m->model->network;
    const name logits = name_in(m, "logits");
    name input = {"pixels"};
    for (size_t l = 0; l + 1 < network->layers; l++) {
        const name sum = name_of(m, l, "sum"), output = name_of(m, l, "output");
        write_affine(to, m, l, input.text, sum.text);
        write_activation(to, m, l, sum.text, output.text);
        input = output;
    }
    write_affine(to, m, network->layers - 1, input.text, logits.text);
    write_node(to, "Softmax", logits.text, NULL, name_in(m, "probabilities").text);
}

/* probabilities := the mean over the members; logits := its logarithm. */
static void write_mean(sn_protobuf *to, const sn_export *members, size_t count)
{
    static const char *const none[] = {NULL};
    const long node = begin_node(to, "Mean", none, "probabilities");
    for (size_t i = 0; i < count; i++) {
        const member m = member_of(members, count, i);
        sn_protobuf_text(to, NODE_INPUT, name_in(&m, "probabilities").text);
    }
    sn_protobuf_end(to, node);
    write_node(to, "Log", "probabilities", NULL, "logits");
}

static void write_tensors(sn_protobuf *to, const member *m)
{
    const sn_network *network = m->model->network;
    for (size_t l = 0; l < network->layers; l++) {
        const sn_layer *layer = &network->layer[l];
        write_tensor(to, name_of(m, l, "weight").text,
                     (const size_t[]){layer->out, layer->in, 0},
                     m->model->parameters + layer->weight);
        write_tensor(to, name_of(m, l, "bias").text, (const size_t[]){layer->out, 0},
                     m->model->parameters + layer->bias);
    }
    if (network->activation == SN_LECUN_TANH) {
        const float out = (float)m->model->info->activation_scale_out;
        const float in = (float)m->model->info->activation_scale_in;
        write_tensor(to, name_in(m, "activation_scale_in").text, (const size_t[]){0},
                     &in);
        write_tensor(to, name_in(m, "activation_scale_out").text, (const size_t[]){0},
                     &out);
    }
}

static void write_property(FILE *out, const char *key, const char *value)
{
    sn_protobuf to = {.out = out};
    const long property = sn_protobuf_begin(&to, MODEL_PROPERTY);
    sn_protobuf_text(&to, PROPERTY_KEY, key);
    sn_protobuf_text(&to, PROPERTY_VALUE, value);
    sn_protobuf_end(&to, property);
}

static void write_graph(sn_protobuf *to, const sn_export *members, size_t count)
{
    const sn_network *network = members[0].network;
    const long graph = sn_protobuf_begin(to, MODEL_GRAPH);
    for (size_t i = 0; i < count; i++) {
        const member m = member_of(members, count, i);
        write_nodes(to, &m);
    }
    if (count > 1) {
        write_mean(to, members, count);
    }
    sn_protobuf_text(to, GRAPH_NAME, "shardnet");
    for (size_t i = 0; i < count; i++) {
        const member m = member_of(members, count, i);
        write_tensors(to, &m);
    }
    write_value(to, GRAPH_INPUT, "pixels", network->input);
    write_value(to, GRAPH_OUTPUT, "logits", network->classes);
    write_value(to, GRAPH_OUTPUT, "probabilities", network->classes);
    sn_protobuf_end(to, graph);
}

static bool write_onnx(const sn_export *members, size_t count, FILE *out)
{
    sn_protobuf to = {.out = out};
    sn_protobuf_integer(&to, MODEL_FORMAT_VERSION, FORMAT_VERSION);
    sn_protobuf_text(&to, MODEL_PRODUCER, "shardnet");
    sn_protobuf_text(&to, MODEL_PRODUCER_VERSION, sn_version());
    write_graph(&to, members, count);
    const long operators = sn_protobuf_begin(&to, MODEL_OPERATOR_SET);
    sn_protobuf_integer(&to, OPERATOR_SET_VERSION, OPERATOR_SET);
    sn_protobuf_end(&to, operators);
    for (size_t i = 0; i < count; i++) {
        const member m = member_of(members, count, i);
        sn_export_properties(m.model, m.prefix, write_property, out);
    }
    return !to.failed;
}

/* A message is shorter than 2 GiB; the graph needs little besides its parameters. */
const sn_export_writer sn_export_onnx = {.most = INT_MAX - (1 << 20),
                                         .write = write_onnx};
