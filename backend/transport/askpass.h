/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_TRANSPORT_ASKPASS_H
#define BACKEND_TRANSPORT_ASKPASS_H
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>
#include "backend/base/err.h"
/* What ssh(1) asks a person (a password, a passphrase, a second factor) comes here: ssh starts our own program
 * as its SSH_ASKPASS, which connects to a socket beside the control socket, says the prompt, and prints the
 * answer. Questions are shown one at a time, in the order in which they come.
 *
 * Who may ask: a process of our own user that knows the token, which is drawn for each login and stands in the
 * environment of that one ssh. The answer is passed on and wiped; nothing here keeps it. */

/* The environment variable that turns our program into the helper: "TOKEN PATH". */
#define ASKPASS_VARIABLE "SLULLAMAFS_ASKPASS"

/* An answer is one line. The longest that ssh takes has 1024 bytes (OpenSSH 9.2, readpass.c, ssh_askpass). */
#define ASKPASS_ANSWER_MAX 1023

/* ---- The daemon's side. */

struct askpass;

/* The question changed: another one is asked, or none is (answered, or withdrawn by who asked). */
typedef void (*askpass_f)(void *arg);

/* path  of the socket, in a directory that is ours alone; removed by askpass_close()
 * -EIO with a sentence. cb comes from the loop, or inside askpass_answer(). */
int askpass_open(struct askpass **out, uv_loop_t *loop, const char *path, askpass_f cb, void *arg,
                 struct err *e);
void askpass_close(struct askpass *a); /* who waits for an answer gets none; NULL is allowed */

/* "NAME=VALUE" for the environment of ssh; borrowed. */
const char *askpass_environment(const struct askpass *a);

/* The prompt, one line of UTF-8; NULL while nothing is asked. *answerable is false for a notice that waits for
 * something else ("touch your key"). */
const char *askpass_prompt(const struct askpass *a, bool *answerable);

/* -EINVAL with a sentence where nothing is asked that could be answered. */
int askpass_answer(struct askpass *a, const char *answer, size_t len, struct err *e);

/* ---- The helper: called by main() where the variable is set. Returns the exit status: 1 where there is no
 * answer, and for a yes/no question, which is always about trust in a host key and never answered here. */
int askpass_helper_main(int argc, char **argv);

#endif
