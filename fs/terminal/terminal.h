/* SPDX-License-Identifier: MIT */
#ifndef FS_TERMINAL_TERMINAL_H
#define FS_TERMINAL_TERMINAL_H
/* The verbs for people at a terminal. They use a mount's files and nothing else of the daemon. argv[0] is the verb; each
 * returns an exit status: 0, or one of fs/exit_status.h. */

int watch_main(int argc, char **argv);   /* watch [MODEL] [--until STATE] */
int run_main(int argc, char **argv);     /* run MODEL [-t TIME] */
int models_main(int argc, char **argv);  /* models */
int traefik_main(int argc, char **argv); /* traefik FILE [--watch] */
int haproxy_main(int argc, char **argv); /* haproxy FILE [--watch] */

#endif
