/* SPDX-License-Identifier: BSD-3-Clause */
/** The predictions of a network for the test set, and the weights of its first layer
 *  (internal to cli). */
#ifndef SHARDNET_CLI_REPORT_NETWORK_H
#define SHARDNET_CLI_REPORT_NETWORK_H

#include "cli/report/tiles.h"
#include "eval/mistakes.h"

enum { SN_TILES_MAX = 64, SN_TABLE_CLASSES = 26 /* more classes: a picture */ };

typedef struct sn_report_network {
    bool loaded;          /* the checkpoint has been read */
    sn_error no_network;  /* the reason if it cannot be read */
    sn_error no_mistakes; /* the reason if the test set cannot be read, else "" */
    sn_error notice;      /* the folder if the data have moved, or "" */
    sn_mistakes mistakes;
    sn_tiles pictures;   /* the worst mistakes, in their order */
    sn_tiles matrix;     /* the wrong predictions of a network with many classes */
    size_t units, tiles; /* units of the first layer; number of those with a tile */
    size_t unit[SN_TILES_MAX]; /* (tiles): units by the norm of their weights */
    sn_tiles weights;          /* (tiles) */
} sn_report_network;

/** Loads the network in the checkpoint at path, predicts the test set and draws the
 *  pictures.  data_dir: see sn_model_evaluate_moved.  A failure to read the checkpoint or
 *  the data becomes a reason in *network.  The caller clears *network, also on failure.
 *  Not collective.  Errors: SN_ENOMEM; SN_EUSAGE if data_dir is too long. */
sn_status sn_report_network_load(const char *path, const char *data_dir,
                                 sn_report_network *network,
                                 sn_error *err) SN_MUST_CHECK;

/** Frees the contents of *network. */
void sn_report_network_clear(sn_report_network *network);

/** Write the rules for the style sheet of the page, and the sections of the page. */
void sn_report_network_write_rules(FILE *out, const sn_report_network *network);
void sn_report_network_write(FILE *out, const sn_report_network *network);

#endif
