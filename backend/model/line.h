/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_LINE_H
#define BACKEND_LINE_H
#include "backend/exchange.h"
/* The order in which the questions of one model go out: those of a higher priority first, and among equals each
 * asker in turn, however many questions each of them has. A plain list in that order, so that whoever looks for
 * some of them walks it, and takes out what he likes with list_remove(). Knows no model. */

struct line {
    struct list waiting; /* of struct exchange, the next one to go first */
    uint64_t turns;      /* questions taken so far */
    uint64_t round;      /* the latest that one has gone out of */
};

void line_init(struct line *l);

/* At the end of what is fair to x->asker and x->priority; sets its turn and round. */
void line_add(struct line *l, struct exchange *x);

/* One that was taken out goes back to the place that it had. */
void line_put_back(struct line *l, struct exchange *x);

/* It goes out. */
void line_take(struct line *l, struct exchange *x);

#endif
