/* SPDX-License-Identifier: MIT */
#ifndef FS_SERVE_H
#define FS_SERVE_H

/* slullamafs serve: the house and the gateway without a mount, in the foreground, until SIGTERM. */
int serve_main(int argc, char **argv);

#endif
