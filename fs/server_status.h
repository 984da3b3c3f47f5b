/* SPDX-License-Identifier: MIT */
#ifndef FS_SERVER_STATUS_H
#define FS_SERVER_STATUS_H

/* slullamafs status: prints the status of a slullama server, ours or the Python one. */
int status_main(int argc, char **argv);

#endif
