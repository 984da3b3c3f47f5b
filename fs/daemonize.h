/* SPDX-License-Identifier: MIT */
#ifndef FS_DAEMONIZE_H
#define FS_DAEMONIZE_H
/* Going into the background, with word for whoever waits: the command returns when the mount answers, or
 * says in one line why it does not. fuse_daemonize() can do neither: it reports nothing, and forks after
 * the mount. */

/* Forks, before there is a loop or a mount. In the parent it does not return: it waits for daemon_ready()
 * or daemon_failed() of the child and exits with 0 or the status given there. Returns 0 in the child, or a
 * negative errno. */
int daemon_begin(void);

/* The parent may go; standard streams go to /dev/null. Nothing happens in the foreground. */
void daemon_ready(void);

/* One line for the user, on stderr, from whichever process has it. Returns status, for
 * `return daemon_failed(32, ...)`. */
int daemon_failed(int status, const char *text);

#endif
