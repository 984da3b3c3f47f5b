/* SPDX-License-Identifier: MIT */
/* A relay whose request was routed by the beginning of its body. That beginning is kept, and waits as a whole request
 * would; the client is not read from meanwhile. When an engine has taken it, the rest goes from one connection to the
 * other, as fast as the slower of the two, and is not kept: an engine that is lost then is the question's end. */
#include "fs/door_http/relay_inside.h"

#include <stdio.h>
#include <string.h>

void relay_body_begin(struct relay *r, const struct request *q)
{
    r->coming = q->partial;
    r->chunked = q->partial && q->head->content_length < 0;
    r->rest = r->coming && !r->chunked ? q->head->content_length - (int64_t)q->body_len : 0;
}

int64_t relay_body_len(const struct relay *r)
{
    return r->chunked ? -1 : (int64_t)r->body.len + r->rest;
}

struct http_request *relay_body_send(struct relay *r, struct http_client *c, struct buf *head,
                                     const struct http_handler *h)
{
    struct http_request *q;

    if (!r->coming)
        return http_client_send(c, head->data, head->len, r->body.data, r->body.len, h, r);
    if (r->chunked)
        buf_addf(head, "%zx\r\n", r->body.len);
    q = http_client_begin(c, head->data, head->len, r->body.data, r->body.len, h, r);
    if (r->chunked)
        http_request_write(q, "\r\n", 2);
    return q;
}

/* The engine has the beginning, and room for more. */
void relay_body_wanted(void *arg)
{
    struct relay *r = arg;

    if (!r->conn || !r->coming)
        return;
    r->x.once = true;
    connection_take_more(r->conn);
}

bool relay_body_comes(void *arg, const char *data, size_t len)
{
    struct relay *r = arg;
    struct buf chunk = { 0 };
    bool more;

    if (!r->request)
        return false;
    relay_stir(r);
    if (r->chunked && len > 0)
        http_write_chunk(&chunk, data, len);
    else if (r->chunked)
        http_write_last_chunk(&chunk);
    if (r->chunked)
        more = http_request_write(r->request, chunk.data, chunk.len);
    else
        more = http_request_write(r->request, data, len);
    buf_free(&chunk);
    if (len == 0) {
        r->coming = false;
        http_request_whole(r->request);
    }
    return more;
}
