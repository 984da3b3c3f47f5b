/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_PARROT_H
#define BACKEND_PARROT_H
/* The built-in engine: a small server of the OpenAI API over HTTP/1.1 that repeats the last user message byte
 * for byte. It lets everything around an engine run, be tested and be measured where there is no model. */

/* `slullamafs parrot`: serve until SIGTERM or SIGINT. argv[0] is the word parrot. Once it listens it prints
 * one line "listening http://HOST:PORT" on standard output. Returns the exit status: 0 after a signal or
 * --help, 1 where it cannot serve, 2 for arguments that it does not know; some of --fail's kinds end the
 * process themselves with 1. */
int parrot_main(int argc, char **argv);

#endif
