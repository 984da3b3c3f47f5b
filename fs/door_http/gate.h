/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_GATE_H
#define FS_DOOR_HTTP_GATE_H
#include <stdint.h>
#include "backend/base/list.h"
#include "backend/house.h"
/* What all connections of one gateway share. */

struct guard;
struct tls_server;
struct figures;
struct access_log;

#define GATE_ID_BASE 16 /* random hex digits, so that the ids of two daemons differ */

struct gate {
    struct house *house;
    struct list connections;
    struct guard *guard;
    struct tls_server *tls; /* NULL: there is no TLS */
    struct figures *figures;
    struct access_log *log;         /* NULL: none is kept */
    char id_base[GATE_ID_BASE + 1]; /* ours for requests begin with it .. */
    uint64_t n_ids;                 /* .. and end with a number */
    uint64_t held;                  /* bytes of request bodies in memory: connection_body.c */
};

#endif
