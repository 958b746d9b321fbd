/* SPDX-License-Identifier: BSD-3-Clause */
/* A communicator of the caller's choice.  The argument is the level of threads that MPI
 * is started with: single or funnelled. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mpi.h>

#include "dist/comm/comm.h"

static void refuses_without_threads(void **state)
{
    (void)state;
    sn_comm *comm;
    sn_error err = {""};
    assert_int_equal(sn_comm_adopt(MPI_COMM_WORLD, &comm, &err), SN_ECONFIG);
    assert_null(comm);
    assert_non_null(strstr(err.message, "MPI_THREAD_FUNNELED"));
}

static void takes_a_part_of_the_ranks(void **state)
{
    (void)state;
    int rank, size;
    sn_error err = {""};
    MPI_Comm part;
    sn_comm *comm;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Comm_split(MPI_COMM_WORLD, rank % 2, -rank, &part); /* odd, even; backwards */
    assert_int_equal(sn_comm_adopt(part, &comm, &err), SN_OK);
    MPI_Comm_free(&part);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(
        funnelled ? takes_a_part_of_the_ranks : refuses_without_threads)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}
