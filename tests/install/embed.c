/* Training from another program, against the installed package alone. */
#include <shardnet/trainer.h>

#include <stdio.h>

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: embed RUN\n");
        return 64;
    }
    sn_error err = {""};
    sn_comm *comm = NULL;
    sn_status status = sn_comm_start(&argc, &argv, &comm, &err);
    static sn_config config;
    sn_train_result result = {0};
    if (status == SN_OK) {
        sn_config_init(&config);
        status = sn_config_parse(&config,
                                 "[data]\nsource = synthetic\ntrain_limit = 2000\n"
                                 "[model]\nhidden = 32\n[train]\nepochs = 3\n",
                                 "embed", &err);
    }
    if (status == SN_OK) {
        const sn_train_options options = {.run = argv[1]};
        status = sn_train(comm, &config, &options, &result, &err);
    }
    if (comm != NULL && sn_comm_speaks(comm)) {
        printf("%s: %lld of %lld correct after %lld steps\n",
               status == SN_OK ? "trained" : err.message,
               (long long)result.test_correct, (long long)result.test_count,
               (long long)result.step);
    }
    sn_comm_finish(&comm);
    return sn_status_exit_code(status);
}
