/* SPDX-License-Identifier: BSD-3-Clause */
/** Communicators: the ranks that work together.
 *
 *  This header declares sn_comm_adopt only if mpi.h was included before it. */
#ifndef SHARDNET_COMM_H
#define SHARDNET_COMM_H

#include "shardnet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sn_comm sn_comm;

/** Initializes MPI with MPI_THREAD_FUNNELED and creates the communicator of all ranks.
 *  Collective.
 *  Errors: SN_ECONFIG if the launcher started more tasks than MPI has ranks (the
 *  message explains how to start the job); SN_EMPI; SN_ENOMEM.  If MPI was initialized,
 *  *comm exists even after an error: the caller may query the rank and must call
 *  sn_comm_finish.  Otherwise *comm is NULL (SN_EMPI, SN_ENOMEM on any rank, or
 *  SN_ECONFIG if srun provides no PMI). */
SN_API sn_status sn_comm_start(int *argc, char ***argv, sn_comm **comm,
                               sn_error *err) SN_MUST_CHECK;

/** Frees the communicator, and finalizes MPI if sn_comm_start initialized it.
 *  Collective. */
SN_API void sn_comm_finish(sn_comm **comm);

/** Ends every process of the job at once with exit_code, which must not be 0.  Call it
 *  only after SN_EMPI.  Does not return.  Not collective. */
SN_API void sn_comm_abort(sn_comm *comm, int exit_code);

/** Return this process's rank and the number of ranks.  Not collective. */
SN_API int sn_comm_rank(const sn_comm *comm);
SN_API int sn_comm_size(const sn_comm *comm);

#ifdef MPI_VERSION
/** Creates *comm with the ranks of communicator, for a program that initialized MPI
 *  itself.  The caller still owns communicator and may free it after this call;
 *  sn_comm_finish does not finalize MPI.  Only the thread that initialized MPI may use
 *  *comm.  Collective over communicator.
 *  Errors: SN_ECONFIG if the thread level of MPI is below MPI_THREAD_FUNNELED,
 *  SN_ENOMEM, SN_EMPI; *comm is NULL then. */
SN_API sn_status sn_comm_adopt(MPI_Comm communicator, sn_comm **comm,
                               sn_error *err) SN_MUST_CHECK;
#endif

#ifdef __cplusplus
}
#endif

#endif
