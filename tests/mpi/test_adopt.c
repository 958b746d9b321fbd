/* SPDX-License-Identifier: BSD-3-Clause */
/* sn_comm_adopt uses a communicator of the caller.  The argument is the thread level of
 * MPI: single or funnelled. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mpi.h>

#include "dist/comm/comm.h"

static void a_thread_level_below_funneled_is_refused(void **state)
{
    (void)state;
    sn_comm *comm;
    sn_error err = {""};
    assert_int_equal(sn_comm_adopt(MPI_COMM_WORLD, &comm, &err), SN_ECONFIG);
    assert_null(comm);
    assert_non_null(strstr(err.message, "MPI_THREAD_FUNNELED"));
}

static void a_subset_of_the_ranks_forms_a_communicator(void **state)
{
    (void)state;
    int rank, size;
    sn_error err = {""};
    MPI_Comm subset;
    sn_comm *comm;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Comm_split(MPI_COMM_WORLD, rank % 2, -rank,
                   &subset); /* odd and even ranks, in reverse order */
    assert_int_equal(sn_comm_adopt(subset, &comm, &err), SN_OK);
    MPI_Comm_free(&subset);
    const int members = (size + 1 - rank % 2) / 2;
    assert_int_equal(sn_comm_size(comm), members);
    assert_int_equal(sn_comm_rank(comm), members - 1 - rank / 2);
    assert_int_equal(sn_comm_node_count(comm), 1);
    double ranks = rank;
    assert_int_equal(sn_comm_sum_double(comm, &ranks, 1, &err), SN_OK);
    assert_true(ranks == members * (members - 1) + members * (rank % 2));
    sn_comm_finish(&comm);
    assert_null(comm);
    int finished = 1;
    MPI_Finalized(&finished);
    assert_false(finished);
    MPI_Barrier(MPI_COMM_WORLD);
}

int main(int argc, char **argv)
{
    int level;
    sn_error err;
    sn_comm *comm;
    if (sn_comm_adopt(MPI_COMM_WORLD, &comm, &err) != SN_ECONFIG || comm != NULL) {
        fprintf(stderr, "adopted before MPI was started\n");
        return 1;
    }
    const bool funnelled = argc > 1 && strcmp(argv[1], "funnelled") == 0;
    MPI_Init_thread(&argc, &argv, funnelled ? MPI_THREAD_FUNNELED : MPI_THREAD_SINGLE,
                    &level);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(funnelled ? a_subset_of_the_ranks_forms_a_communicator
                                   : a_thread_level_below_funneled_is_refused)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
