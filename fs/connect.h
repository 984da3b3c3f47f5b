/* SPDX-License-Identifier: MIT */
#ifndef FS_CONNECT_H
#define FS_CONNECT_H

/* slullamafs connect: a slullama server at a port of this machine, until SIGINT or SIGTERM. */
int connect_main(int argc, char **argv);

#endif
