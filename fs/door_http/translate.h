/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_TRANSLATE_H
#define FS_DOOR_HTTP_TRANSLATE_H
#include "backend/dialect/dialect.h"
#include "backend/engine/engine.h"
#include "fs/door_http/relay_inside.h"
/* A relay whose client calls another API than its engine speaks: where backend/dialect meets the relay. */

/* Does the engine answer this API itself? What it does not is translated. Pure. */
bool engine_speaks(const struct engine *en, enum dialect_api api);

/* The question of q to an engine, translated where it has to be. 0, *out is NULL where it goes as it is; else
 * the request was answered with an error. m: whom it asks where it does not say so; NULL: that is not known. */
int translate_question(struct dialect **out, const struct request *q, const struct engine *en,
                       const struct model *m, const char *path);

/* r becomes a translated one; takes d. */
void translate_adopt(struct relay *r, struct dialect *d);

/* A piece of the engine's answer, or its end. A negative errno with a sentence where the answer cannot be
 * understood or ends with an error; what came before it is the client's already. */
int translate_body(struct relay *r, const char *data, size_t len, struct err *e);
int translate_end(struct relay *r, struct err *e);

#endif
