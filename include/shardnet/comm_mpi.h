/** For programs that use MPI themselves: the only header here that includes mpi.h. */
#ifndef SHARDNET_COMM_MPI_H
#define SHARDNET_COMM_MPI_H

#include <mpi.h>

#include "shardnet/comm.h"

/** A communicator of the ranks of communicator, which stays the caller's and may be
 *  freed afterwards; sn_comm_finish leaves MPI running.  Calls with the result come
 * from the thread that started MPI.  Collective over communicator.  SN_ECONFIG unless
 * MPI was started with MPI_THREAD_FUNNELED or more, SN_ENOMEM, SN_EMPI; *comm is NULL
 *  then. */
sn_status sn_comm_adopt(MPI_Comm communicator, sn_comm **comm,
                        sn_error *err) SN_MUST_CHECK;

#endif
