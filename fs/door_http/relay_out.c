/* SPDX-License-Identifier: MIT */
/* The answer on its way to the client: framed, gathered, and held back where the client is slow. A send costs more than
 * all else that is done for a token: where several have come since the last look, as from many streams on a busy
 * machine, they go in one. */
#include "fs/door_http/relay_inside.h"
#include "backend/http/http.h"
#include "backend/http/http_client.h"

#define CHUNK_ROOM 32    /* bytes around a chunk */
#define OUT_MAX    16384 /* bytes gathered for one send; longer pieces are not copied where they need not be */
#define OUT_KEPT   1024  /* of their memory, from one token to the next */

static void count_line_feeds(struct relay *r, const char *data, size_t len)
{
    size_t i = len;
    unsigned n = 0;

    for (; i > 0 && (data[i - 1] == '\n' || data[i - 1] == '\r'); i--)
        n += data[i - 1] == '\n';
    r->line_feeds = i > 0 || len == 0 ? n : r->line_feeds + n;
}

static void pause_engine(struct relay *r)
{
    r->paused = true;
    http_request_pause(r->request);
    if (r->queued)
        exchange_paused(&r->x, true);
    else
        timer_stop(r->limit);
}

static void put(struct relay *r, const void *data, size_t len)
{
    if (!connection_write(r->conn, data, len) && r->request && !r->paused)
        pause_engine(r);
}

void relay_flush(struct relay *r)
{
    r->gathers = false;
    if (r->conn && r->out.len > 0)
        put(r, r->out.data, r->out.len);
    if (r->out.cap > OUT_KEPT)
        buf_free(&r->out);
    else
        buf_reset(&r->out);
}

void relay_write(struct relay *r, const struct buf *head, const void *data, size_t len)
{
    size_t head_len = head ? head->len : 0;
    bool as_it_is = r->framing == RELAY_LENGTH || r->framing == RELAY_CLOSE;

    if (r->event_stream && len > 0)
        count_line_feeds(r, data, len);
    if (as_it_is && head_len + r->out.len == 0 && len > OUT_MAX) {
        put(r, data, len);
        return;
    }
    buf_reserve(&r->out, head_len + len + CHUNK_ROOM);
    if (head)
        buf_add(&r->out, head->data, head->len);
    if (r->framing == RELAY_CHUNKED)
        http_write_chunk(&r->out, data, len);
    else if (r->framing != RELAY_NO_BODY)
        buf_add(&r->out, data, len);
    if (!r->gathers || r->out.len > OUT_MAX)
        relay_flush(r);
}
