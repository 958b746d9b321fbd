/** Communicators: which ranks take part.
 *
 *  sn_comm_adopt is declared where mpi.h has been included before this header. */
#ifndef SHARDNET_COMM_H
#define SHARDNET_COMM_H

#include "shardnet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sn_comm sn_comm;

/** Starts MPI (funnelled threads) and makes the communicator of all ranks.  Collective.
 *  Refuses, with the fix in the message, when the environment promises more tasks than
 *  MPI sees: SN_ECONFIG.  *comm exists whenever MPI started, so that the caller can ask
 *  for the rank and finish; it is NULL otherwise (SN_EMPI, SN_ENOMEM on any rank, or
 *  SN_ECONFIG for an srun without PMI). */
SN_API sn_status sn_comm_start(int *argc, char ***argv, sn_comm **comm,
                               sn_error *err) SN_MUST_CHECK;

/** Ends MPI and frees the communicator.  Collective. */
SN_API void sn_comm_finish(sn_comm **comm);

/** Ends every process of the job at once with exit_code (never 0).  Only after MPI
 * itself failed.  Does not return. */
SN_API void sn_comm_abort(sn_comm *comm, int exit_code);

/** Not collective. */
SN_API int sn_comm_rank(const sn_comm *comm);
SN_API int sn_comm_size(const sn_comm *comm);

#ifdef MPI_VERSION
/** A communicator of the ranks of communicator, which stays the caller's and may be
 *  freed afterwards; sn_comm_finish leaves MPI running.  Calls with the result come
 * from the thread that started MPI.  Collective over communicator.  SN_ECONFIG unless
 * MPI was started with MPI_THREAD_FUNNELED or more, SN_ENOMEM, SN_EMPI; *comm is NULL
 *  then. */
SN_API sn_status sn_comm_adopt(MPI_Comm communicator, sn_comm **comm,
                               sn_error *err) SN_MUST_CHECK;
#endif

#ifdef __cplusplus
}
#endif

#endif
