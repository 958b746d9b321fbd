/* SPDX-License-Identifier: BSD-3-Clause */
/* Prediction in a C++ program without MPI: the classes of the images of an IDX file. */
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <vector>

#include <shardnet/shardnet.h>

static int fail(sn_status status, const sn_error &err)
{
    std::fprintf(stderr, "%s\n", err.message);
    return sn_status_exit_code(status);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        std::fprintf(stderr, "usage: %s CHECKPOINT|RUN IMAGES\n", argv[0]);
        return 64;
    }
    sn_error err = {""};
    sn_model *model = nullptr;
    sn_status status = sn_model_load(nullptr, argv[1], &model, &err);
    if (status != SN_OK) {
        return fail(status, err);
    }
    std::ifstream file(argv[2], std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    const std::size_t header = 16, input = sn_model_input(model);
    const std::size_t count =
        bytes.size() < header ? 0 : (bytes.size() - header) / input;
    std::vector<sn_prediction> found(count);
    const auto *images = reinterpret_cast<const std::uint8_t *>(bytes.data()) + header;
    status = sn_model_predict(model, images, count, found.data(), &err);
    for (const sn_prediction &p : found) {
        std::printf("%zu\t%.6f\t%zu\t%.6f\n", p.best, p.best_probability, p.second,
                    p.second_probability);
    }
    std::fprintf(stderr, "shardnet %s: %zu images, %zu classes, %s\n", sn_version(),
                 count, sn_model_classes(model), sn_model_path(model));
    sn_model_destroy(&model);
    return status == SN_OK ? 0 : fail(status, err);
}
