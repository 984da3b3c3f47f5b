/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CONFIG_FIXTURE_H
#define TESTS_CONFIG_FIXTURE_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "backend/config/config.h"

/* A configuration that has to be right; the caller frees it. */
static struct config *parse(const char *text)
{
    struct config *c = NULL;
    struct err e = { "" };

    if (config_parse(text, strlen(text), "f.toml", &c, &e) != 0)
        fail_msg("%s\nrefused: %s", text, e.text);
    return c;
}

#endif
