/* SPDX-License-Identifier: MIT */
#ifndef FS_DOOR_HTTP_MODEL_NAME_H
#define FS_DOOR_HTTP_MODEL_NAME_H
#include "backend/base/buf.h"
#include "backend/config/config.h"

/* Make a body, JSON or a form, name the model as its engine knows it, where that is a must (Ollama): instead of our own name or an
 * alias, or where no name is given. A body that names something else, or is neither, is left alone. Twice is as good as
 * once.
 * type   its Content-Type, or NULL
 * whole  false: this is the beginning of a JSON body, which is left alone unless it has the name */
void model_name_for_engine(struct buf *body, const char *type, bool whole, const struct model_config *m);

#endif
