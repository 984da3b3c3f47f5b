/* SPDX-License-Identifier: MIT */
/* history/<id>/status, as CONTRACT.md section 5 shows it. */
#include "backend/history/record_inside.h"

#include <string.h>

static const char *state_word(const struct prompt *p, bool over)
{
    static const char *const words[] = {
        [EXCHANGE_WAITING] = "waiting", [EXCHANGE_SENT] = "sent",     [EXCHANGE_STREAMING] = "streaming",
        [EXCHANGE_DONE] = "done",       [EXCHANGE_FAILED] = "failed", [EXCHANGE_CANCELLED] = "cancelled",
    };

    return p->sealed && !over ? words[EXCHANGE_SENT] : words[p->x.state];
}

static json_t *tokens(const struct exchange *x)
{
    return json_pack("{s:I,s:I}", "prompt", (json_int_t)x->prompt_tokens, "completion",
                     (json_int_t)x->completion_tokens);
}

json_t *record_status(const struct record *r, bool over)
{
    const struct exchange *x = &r->prompt->x;
    char id[HISTORY_ID_TEXT];

    return json_pack("{s:s,s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "id", history_id_text(r->id, id),
                     "model", r->model, "state", state_word(r->prompt, over), "asked", json_time(&r->asked),
                     "begun", json_time(&x->begun), "ended", json_time(&x->ended), "job",
                     json_str(x->job_name), "tokens", tokens(x), "finish_reason", json_str(x->finish_reason),
                     "errno", x->rc < 0 ? json_string(err_name(x->rc)) : json_null(), "error",
                     json_str(x->error));
}
