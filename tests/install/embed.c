/* SPDX-License-Identifier: BSD-3-Clause */
/* Training inside another MPI program, against the installed package alone: the last
 * rank does work of its own, the others train on a communicator of theirs and evaluate
 * the model that the run left. */
#include <mpi.h>
#include <stdio.h>

#include <shardnet/shardnet.h>

static sn_status train(sn_comm *comm, const char *run, sn_train_result *result,
                       sn_error *err)
{
    sn_config *config = NULL;
    sn_status status = sn_config_create(&config, err);
    if (status == SN_OK) {
        status = sn_config_parse(config,
                                 "[data]\nsource = synthetic\ntrain_limit = 2000\n"
                                 "[model]\nhidden = 32\n[train]\nepochs = 3\n",
                                 "embed", err);
    }
    const sn_train_options options = {.run = run};
    if (status == SN_OK) {
        status = sn_train(comm, config, &options, result, err);
    }
    sn_config_destroy(&config);
    return status;
}

static sn_status evaluate(sn_comm *comm, const char *run, sn_evaluation *evaluation,
                          sn_error *err)
{
    sn_model *model = NULL;
    sn_status status = sn_model_load(comm, run, &model, err);
    if (status == SN_OK) {
        status = sn_model_evaluate(comm, model, NULL, SN_SPLIT_TEST, evaluation, err);
    }
    sn_model_destroy(&model);
    return status;
}

int main(int argc, char **argv)
{
    int threads, rank, size;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &threads);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Comm half;
    MPI_Comm_split(MPI_COMM_WORLD, rank < size - 1, -rank, &half);
    sn_error err = {""};
    sn_train_result result = {0};
    sn_evaluation evaluation = {0};
    const char *run = argc > 1 ? argv[1] : "run";
    sn_comm *comm = NULL;
    sn_status status = rank < size - 1 ? sn_comm_adopt(half, &comm, &err) : SN_OK;
    if (comm != NULL) {
        status = train(comm, run, &result, &err);
        if (status == SN_OK) {
            status = evaluate(comm, run, &evaluation, &err);
        }
        if (status == SN_EMPI) { /* the other ranks may wait in a collective call */
            fprintf(stderr, "%s\n", err.message);
            sn_comm_abort(comm, sn_status_exit_code(status));
        }
        if (sn_comm_rank(comm) == 0) { /* rank size - 2 of the program */
            printf("%s: %lld of %lld correct after %lld steps on %d ranks of %d; "
                   "evaluated: %lld of %lld\n",
                   status == SN_OK ? "trained" : err.message,
                   (long long)result.test_correct, (long long)result.test_count,
                   (long long)result.step, size - 1, size,
                   (long long)evaluation.correct, (long long)evaluation.count);
        }
    }
    sn_comm_finish(&comm);
    MPI_Comm_free(&half);
    MPI_Finalize();
    return sn_status_exit_code(status);
}
