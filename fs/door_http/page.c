/* SPDX-License-Identifier: MIT */
/* The page for people: page.html, whose places are filled so that it also says without a script what there is; and its login. */
#include "backend/base/alloc.h"
#include "fs/door_http/routes.h"

#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>

extern const char text_page[]; /* page.html */

#define HASH_TEXT 45 /* base64 of a SHA-256, and a NUL */

/* ---- Its places */

static void add_escaped(struct buf *b, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            buf_adds(b, "&amp;");
            break;
        case '<':
            buf_adds(b, "&lt;");
            break;
        case '>':
            buf_adds(b, "&gt;");
            break;
        case '"':
            buf_adds(b, "&quot;");
            break;
        default:
            buf_add(b, text, 1);
        }
    }
}

static void fill_models(struct buf *b, const struct request *r)
{
    for (size_t i = 0; i < r->house->cfg->n_models && connection_is_known(r->conn); i++) {
        const struct model *m = r->house->models[i];
        const char *state = model_state_name(model_state(m));
        int waiting, active;
        if (!connection_may_see(r->conn, model_config(m)->name))
            continue;
        model_counts(m, &waiting, &active);
        buf_adds(b, "\n<tr><td><b>");
        add_escaped(b, model_config(m)->name);
        buf_adds(b, "</b><br><small>");
        add_escaped(b, model_config(m)->description);
        buf_addf(b,
                 "</small></td><td class=\"state %s\">%s</td><td>%d waiting, %d "
                 "active</td><td></td><td></td></tr>",
                 state, state, waiting, active);
    }
}

static void fill_login(struct buf *b, const struct request *r)
{
    if (connection_is_known(r->conn))
        return;
    buf_adds(b, "<form id=\"login\" method=\"post\" action=\"/ui/login\">\n<p><label for=\"secret\">Token or "
                "key</label> "
                "<input type=\"password\" id=\"secret\" name=\"secret\" required autofocus "
                "autocomplete=\"current-password\"> "
                "<button class=\"main\">Log in</button></p>\n");
    if (strcmp(r->head->method, "POST") == 0)
        buf_adds(b, "<p class=\"bad\" role=\"alert\">This token or key is not valid here.</p>\n");
    buf_adds(b, "</form>");
}

static void fill_leave(struct buf *b, const struct request *r)
{
    if (connection_is_known(r->conn) && connection_has_login(r->conn))
        buf_adds(b, "<form method=\"post\" action=\"/ui/logout\"><button>Log out</button></form>");
}

static const struct {
    const char *mark;
    void (*fill)(struct buf *b, const struct request *r);
} places[] = { { "<!--LEAVE-->", fill_leave },
               { "<!--LOGIN-->", fill_login },
               { "<!--MODELS-->", fill_models } };

/* The places come in the order of the table. */
static void fill(struct buf *b, const struct request *r)
{
    const char *rest = text_page;

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *at = strstr(rest, places[i].mark);
        buf_add(b, rest, (size_t)(at - rest));
        places[i].fill(b, r);
        rest = at + strlen(places[i].mark);
    }
    buf_adds(b, rest);
}

/* ---- What the browser may do with it */

static void hash_between(const char *begin, const char *end, char out[HASH_TEXT])
{
    const char *from = strstr(text_page, begin) + strlen(begin);
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    EVP_Digest(from, (size_t)(strstr(from, end) - from), hash, &n, EVP_sha256(), NULL);
    EVP_EncodeBlock((unsigned char *)out, hash, (int)n);
}

/* Only our own script and style, known by their hashes, and only requests to where the page is from. */
static char *content_security_policy(void)
{
    char script[HASH_TEXT], style[HASH_TEXT];

    hash_between("<script>", "</script>", script);
    hash_between("<style>", "</style>", style);
    return xasprintf("default-src 'none'; script-src 'sha256-%s'; style-src 'sha256-%s'; connect-src 'self'; "
                     "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
                     script, style);
}

static void answer_html(const struct request *r, int status)
{
    char *policy = content_security_policy();
    const struct http_field more[] = { { "Content-Security-Policy", policy },
                                       { "X-Content-Type-Options", "nosniff" },
                                       { "Referrer-Policy",
                                         "same-origin" }, /* without one a form has no Origin */
                                       { "Cache-Control", "no-store" },
                                       { 0 } };
    struct buf html = { 0 };

    fill(&html, r);
    connection_answer_with(r->conn, status, "text/html; charset=utf-8", more, html.data, html.len);
    buf_free(&html);
    free(policy);
}

/* Programs that ask whether somebody is there get a line, as Ollama gives one. */
void answer_page(const struct request *r, const struct route_at *at)
{
    const char *accept = http_field_get(r->head, "Accept");

    (void)at;
    if (accept && strstr(accept, "text/html"))
        answer_html(r, 200);
    else
        connection_answer(r->conn, 200, "text/plain", "slullamafs is running\n", 22);
}

/* ---- The login */

static void see_page(const struct request *r, const char *cookie)
{
    const struct http_field more[] = { { "Location", "/" }, { "Set-Cookie", cookie }, { 0 } };

    connection_answer_with(r->conn, 303, "text/plain", more, "", 0);
}

/* The field of a form, whose blanks are written as "+". NULL: there is none, or it is malformed. */
static char *form_field(const char *body, size_t len, const char *name)
{
    size_t n = strlen(name);
    struct buf value = { 0 };

    if (len <= n || memcmp(body, name, n) != 0 || body[n] != '=')
        return NULL;
    char *text = xstrndup(body + n + 1, len - n - 1);
    for (char *p = text; *p; p++)
        *p = *p == '+' ? ' ' : *p;
    bool whole = route_unescape(&value, text, strcspn(text, "&"));
    explicit_bzero(text, strlen(text));
    free(text);
    return whole ? buf_take(&value) : (buf_free(&value), NULL);
}

void answer_login(const struct request *r, const struct route_at *at)
{
    char *secret = form_field(r->body, r->body_len, "secret"), *cookie = NULL;
    struct err e;

    (void)at;
    if (secret && connection_login(r->conn, secret, &cookie, &e) == 0)
        see_page(r, cookie);
    else
        answer_html(r, 401);
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
    free(cookie);
}

void answer_logout(const struct request *r, const struct route_at *at)
{
    char *cookie = connection_logout(r->conn);

    (void)at;
    see_page(r, cookie);
    free(cookie);
}
