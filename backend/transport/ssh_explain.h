/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_TRANSPORT_SSH_EXPLAIN_H
#define BACKEND_TRANSPORT_SSH_EXPLAIN_H
#include <stdbool.h>
#include "backend/base/err.h"
#include "backend/config/config.h"
/* What ssh says when it fails, turned into an errno and a sentence with the way out. */

struct ssh_failure {
    int rc;     /* -EKEYREJECTED: keys or host keys; -EHOSTUNREACH else */
    bool final; /* another attempt alone cannot help */
    struct err why;
};

/* said  ssh's standard error, lines
 * what  what failed, for a text that says nothing: "the login", "the connection" */
void ssh_explain(const struct cluster_config *c, const char *said, const char *what, struct ssh_failure *out);

/* One line "channel 3: open failed: connect failed: Connection refused" of the master: -EACCES where the site
 * forbids it, -ECONNREFUSED else. where is "HOST:PORT". Returns the errno. */
int ssh_explain_open(const struct cluster_config *c, const char *where, const char *line, struct err *why);

#endif
