/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_PARROT_OPTIONS_H
#define BACKEND_PARROT_OPTIONS_H
#include <stdbool.h>
#include <stddef.h>
/* The parrot's arguments. */

/* How it fails on demand; the table in options.c says what each does. */
enum parrot_failure {
    FAIL_NONE,
    FAIL_EXIT_AT_START,
    FAIL_NEVER_HEALTHY,
    FAIL_REFUSE_AFTER,
    FAIL_DIE_BEFORE_FIRST_BYTE,
    FAIL_DIE_MID_STREAM,
    FAIL_SILENT,
    FAIL_GARBAGE,
    FAIL_HALF_EVENT,
    FAIL_INFINITE_LINE,
    FAIL_HTTP_500,
    FAIL_HTTP_429,
    FAIL_ERROR_IN_STREAM,
    FAIL_ALWAYS_200,
    FAIL_HANG_MID_STREAM,
};

struct parrot_options {
    const char *host;
    int port; /* 0: any */
    char **keys;
    size_t n_keys;    /* 0: no key is asked for */
    double rate;      /* tokens a second; 0: no limit */
    double startup_s; /* health says 503 until then */
    double delay_s;   /* before the first token */
    const char *gate; /* file whose size lets tokens pass, or NULL */
    enum parrot_failure failure;
    unsigned long fail_at; /* which completion fails, counted from 1; 0: each. For refuse-after: how many are
                              answered */
};

/* Returns true to go on; else *status is the exit status and what there is to say was printed. Strings are
 * argv's. */
bool parrot_options_parse(struct parrot_options *o, int argc, char **argv, int *status);
void parrot_options_free(struct parrot_options *o);

#endif
