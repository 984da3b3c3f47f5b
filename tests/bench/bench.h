/* SPDX-License-Identifier: MIT */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H
#include <stddef.h>
#include <stdint.h>
/* What the programs of this folder share: time, figures, and a plain HTTP request to an engine. They are
 * clients that the scripts beside them run; they print figures and assert nothing. */

uint64_t now_ns(void); /* CLOCK_MONOTONIC: the same in all processes of this machine */
void sleep_us(unsigned us);
_Noreturn void die(const char *fmt, ...)
    __attribute__((format(printf, 1, 2))); /* errno's text is added where it is set */

/* The value below which p (0 to 1) of the values lie. Sorts v. 0 if there is none. */
double percentile(double *v, size_t n, double p);

char *path_join(const char *dir, const char *name); /* malloc() */
int open_file(const char *path, int flags);         /* dies on failure */

/* Where an engine listens and its key, as stamp_engine.c and engine.sh write them: one line "HOST PORT KEY".
 */
struct engine {
    char host[64];
    int port;
    char key[128];
};
void engine_read(struct engine *e, const char *file);
int engine_connect(const struct engine *e); /* TCP_NODELAY; dies on failure */

/* Send one streamed chat request. direct marks it for stamp_engine. */
void engine_ask(int fd, const struct engine *e, const char *prompt, int direct);

/* The same directly, and read the whole answer. Milliseconds to its first text, whose first letter is W. */
double engine_first_text(int fd, const struct engine *e, const char *prompt);

#endif
