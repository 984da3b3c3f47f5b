/* SPDX-License-Identifier: MIT */
#ifndef FS_VERBS_H
#define FS_VERBS_H
#include "fs/ctl.h"
/* The verbs of each kind of ctl file; a table ends with a row without form. A new verb is a row and a
 * function. */

extern const struct verb verbs_house[], verbs_model[], verbs_job[], verbs_batch[], verbs_chat[];

#endif
