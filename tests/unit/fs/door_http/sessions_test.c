/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "backend/base/alloc.h"
#include "fs/door_http/sessions.h"

static struct holder *const alice = (struct holder *)0x10, *const bob = (struct holder *)0x20;

/* Whose a request with this Cookie field is; "%" stands for the id. */
static struct holder *whose(struct sessions *s, const char *cookie, const char *id)
{
    const char *mark = strchr(cookie, '%');
    char *text = mark ? xasprintf("%.*s%s%s", (int)(mark - cookie), cookie, id, mark + 1) : xstrdup(cookie);
    const struct http_field fields[] = { { "Host", "localhost" }, { "cookie", text } };
    struct holder *h = sessions_find(s, &(struct http_head){ .fields = fields, .n_fields = 2 });

    free(text);
    return h;
}

static void a_session_is_found_among_other_cookies(void **state)
{
    static const struct {
        const char *cookie;
        bool known;
    } rows[] = {
        { "mine=%", true },         { "a=1; mine=%", true }, { "a=1;mine=%; b=2", true },
        { "theirs=%", false },      { "notmine=%", false },  { "mine=%0", false },
        { "mine=0%", false },       { "mine=", false },      { "", false },
        { ";;; ; =", false },       { "mine", false },       { "a=mine=%", false },
        { "mine=x; mine=%", true }, { "mine=\"%\"", false },
    };
    struct sessions *s = sessions_create("mine");
    char id[SESSION_ID + 1];

    (void)state;
    strcpy(id, sessions_begin(s, alice));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (whose(s, rows[i].cookie, id) != (rows[i].known ? alice : NULL))
            fail_msg("%s", rows[i].cookie);
    sessions_destroy(s);
}

static void a_session_ends_by_logout_alone(void **state)
{
    struct sessions *s = sessions_create("mine");
    char of_alice[SESSION_ID + 1], of_bob[SESSION_ID + 1];

    (void)state;
    strcpy(of_alice, sessions_begin(s, alice));
    strcpy(of_bob, sessions_begin(s, bob));
    char *cookie = xasprintf("mine=%s", of_alice);
    const struct http_field fields[] = { { "Cookie", cookie } };
    const struct http_head head = { .fields = fields, .n_fields = 1 };
    sessions_end(s, &head);
    sessions_end(s, &head);
    assert_null(whose(s, "mine=%", of_alice));
    assert_ptr_equal(whose(s, "mine=%", of_bob), bob);
    free(cookie);
    sessions_destroy(s);
}

static void the_oldest_of_many_ends(void **state)
{
    struct sessions *s = sessions_create("mine");
    char first[SESSION_ID + 1], second[SESSION_ID + 1];

    (void)state;
    strcpy(first, sessions_begin(s, alice));
    strcpy(second, sessions_begin(s, alice));
    for (int i = 0; i < 63; i++)
        sessions_begin(s, bob);
    assert_null(whose(s, "mine=%", first));
    assert_ptr_equal(whose(s, "mine=%", second), alice);
    sessions_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_is_found_among_other_cookies),
        cmocka_unit_test(a_session_ends_by_logout_alone),
        cmocka_unit_test(the_oldest_of_many_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
