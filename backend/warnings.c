/* SPDX-License-Identifier: MIT */
/* What is wrong with the mount and does not stop it: the array `warnings` in the root's status, and the log. */
#include "backend/base/log.h"
#include "backend/house.h"

#include <string.h>

void house_warn(struct house *h, const char *about, const char *text)
{
    const char *before = json_string_value(json_object_get(h->warnings, about));

    if (!text && !before)
        return;
    if (!text) {
        json_object_del(h->warnings, about);
    } else if (!before || strcmp(before, text) != 0) {
        log_warning("%s", text);
        json_object_set_new(h->warnings, about, json_str(text));
    }
    house_changed(h);
}

json_t *house_warnings(const struct house *h)
{
    json_t *all = json_array(), *text;
    const char *about;

    json_object_foreach(h->warnings, about, text) json_array_append(all, text);
    return all;
}
