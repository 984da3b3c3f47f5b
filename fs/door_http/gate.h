/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_GATE_H
#define FS_DOOR_HTTP_GATE_H
#include "backend/base/list.h"
#include "backend/house.h"
/* What all connections of one gateway share. */

struct guard;
struct tls_server;
struct figures;
struct access_log;

struct gate {
    struct house *house;
    struct list connections;
    struct guard *guard;
    struct tls_server *tls; /* NULL: there is no TLS */
    struct figures *figures;
    struct access_log *log; /* NULL: none is kept */
};

#endif
