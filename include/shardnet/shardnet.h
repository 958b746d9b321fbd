/* SPDX-License-Identifier: BSD-3-Clause */
/** The whole public interface. */
#ifndef SHARDNET_SHARDNET_H
#define SHARDNET_SHARDNET_H

#include "shardnet/comm.h"
#include "shardnet/config.h"
#include "shardnet/model.h"
#include "shardnet/status.h"
#include "shardnet/train.h"
#include "shardnet/version.h"

#endif
