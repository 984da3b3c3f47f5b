/* SPDX-License-Identifier: MIT */
/* Bodies that are too long to be waited for, as their clients and engines see them. */
#include "gateway_fixture.h"

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}"
#define MANY   (3 << 20)   /* bytes: more than is waited for */
#define FLOOD  (200 << 20) /* and more than all buffers on the way hold */

/* `len` bytes of filling, as far as they go now. How many went. */
static size_t push(struct peer *p, size_t len)
{
    static char filling[65536];
    size_t sum = 0;
    ssize_t n = 0;

    memset(filling, 'x', sizeof filling);
    while (sum < len && (n = send(p->fd, filling, len - sum < sizeof filling ? len - sum : sizeof filling,
                                  MSG_NOSIGNAL)) > 0)
        sum += (size_t)n;
    return sum;
}

static void push_all(struct peer *p, size_t len)
{
    uint64_t until = mono_ms() + PATIENCE_MS;

    for (size_t sum = 0; (sum += push(p, len - sum)) < len; turn())
        if (mono_ms() > until)
            fail_msg("nobody takes more than %zu of %zu bytes", sum, len);
}

/* As much as is taken by anybody. */
static size_t push_until_stuck(struct peer *p)
{
    size_t sum = 0;

    for (int idle = 0; idle < 100; idle++) {
        size_t n = push(p, FLOOD - sum);
        sum += n;
        idle = n > 0 ? 0 : idle;
        assert_true(sum < FLOOD);
        turn();
    }
    return sum;
}

#define BEGINNING "{\"model\":\"parrot\",\"stream\":true,\"input\":\""
#define END       "\"}"

/* The head of a sized one whose body is BEGINNING, `filling` bytes, `end`. */
static void begin_sized(struct peer *c, const char *path, const char *beginning, size_t filling,
                        const char *end)
{
    char *head = xasprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n%s", path,
                           strlen(beginning) + filling + strlen(end), beginning);

    say(c, head);
    free(head);
}

/* The engine's end of the upload, once it has more than a window of it. */
static struct peer *upload(void)
{
    for (int i = 0; i < PEERS; i++)
        if (rig.peers[i].fd >= 0 && rig.peers[i].is_engine && rig.peers[i].in.len > 1000000)
            return &rig.peers[i];
    return NULL;
}

static size_t count(const struct buf *b, char c)
{
    size_t n = 0;

    for (size_t i = 0; i < b->len; i++)
        n += b->data[i] == c;
    return n;
}

static void a_sized_body_goes_by_while_it_comes(void **state)
{
    struct peer *c = client();
    char *length = xasprintf("\r\nContent-Length: %zu\r\n", strlen(BEGINNING END) + MANY);

    (void)state;
    begin_sized(c, "/v1/embeddings", BEGINNING, MANY, END);
    push_all(c, MANY / 2);
    UNTIL(upload()); /* although half of it is not there */
    assert_true(has(upload(), length));
    assert_false(upload()->question);
    push_all(c, MANY - MANY / 2);
    say(c, END);
    UNTIL(question());
    const char *body = strstr(question()->in.data, "\r\n\r\n") + 4;
    assert_memory_equal(body, BEGINNING, strlen(BEGINNING));
    assert_string_equal(question()->in.data + question()->in.len - 3, "x" END);
    answer(question(), ANSWER);
    UNTIL(has(c, "{\"a\":1}"));
    assert_true(has(c, "Connection: keep-alive\r\n"));
    buf_reset(&c->in);
    get(c, "/health"); /* the connection goes on */
    UNTIL(has(c, "\"status\":\"ok\""));
    assert_int_equal(active(), 0);
    free(length);
}

static void a_chunked_one_stays_chunked(void **state)
{
    struct peer *c = client();
    char *chunk = xasprintf("%zx\r\n", (size_t)MANY);

    (void)state;
    say(c, "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: "
           "chunked\r\n\r\n29\r\n" BEGINNING "\r\n");
    assert_int_equal(strlen(BEGINNING), 0x29);
    say(c, chunk);
    push_all(c, MANY);
    say(c, "\r\n");
    UNTIL(upload());
    struct peer *engine = upload();
    assert_true(has(engine, "\r\nTransfer-Encoding: chunked\r\n"));
    assert_false(has(engine, "Content-Length"));
    say(c, "2\r\n" END "\r\n0\r\nTrailer: x\r\n\r\n");
    UNTIL(has(engine, "\r\n0\r\n\r\n"));
    assert_true(has(engine, "\r\n2\r\n" END "\r\n0\r\n\r\n"));
    assert_true(count(&engine->in, 'x') >= MANY &&
                count(&engine->in, 'x') < MANY + 1000); /* with sizes in hex */
    assert_false(has(engine, "Trailer"));
    say(engine, ANSWER);
    UNTIL(has(c, "{\"a\":1}"));
    free(chunk);
}

static void one_without_a_model_is_waited_for(void **state)
{
    struct peer *c = client();

    (void)state;
    begin_sized(c, "/v1/embeddings", "{\"input\":\"", MANY, "\",\"model\":\"p\"}");
    push_all(c, MANY);
    for (int i = 0; i < 50; i++)
        turn();
    assert_int_equal(model_state(rig.house->models[0]), MODEL_ASLEEP);
    say(c, "\",\"model\":\"p\"}");
    UNTIL(question());
    answer(question(), ANSWER);
    UNTIL(has(c, "{\"a\":1}"));
}

/* It has to be known whether they get comments. */
static void one_that_has_to_wait_says_first_whether_it_wants_events(void **state)
{
    struct peer *c = client();

    (void)state;
    begin_sized(c, "/v1/chat/completions", "{\"model\":\"p\",\"user\":\"", MANY, "\",\"stream\":true}");
    push_all(c, MANY);
    for (int i = 0; i < 50; i++)
        turn();
    assert_int_equal(model_state(rig.house->models[0]), MODEL_ASLEEP);
    say(c, "\",\"stream\":true}");
    UNTIL(question());
    answer(question(), ANSWER);
    UNTIL(has(c, "{\"a\":1}"));
    buf_reset(&c->in);
    begin_sized(c, "/v1/chat/completions", "{\"model\":\"p\",\"user\":\"", MANY, "\"}");
    push_all(c, MANY / 2);
    UNTIL(upload()); /* a model that is ready need not know */
    push_all(c, MANY - MANY / 2);
    say(c, "\"}");
    UNTIL(question());
}

static void a_second_model_is_refused_wherever_it_comes(void **state)
{
    struct peer *c = client();

    (void)state;
    begin_sized(c, "/v1/embeddings", BEGINNING, MANY, "\",\"model\":\"other\"}");
    push_all(c, MANY);
    UNTIL(upload());
    struct peer *engine = upload();
    say(c, "\",\"model\":\"other\"}");
    UNTIL(has(c, "twice"));
    assert_true(has(c, "HTTP/1.1 400 ") && has(c, "Connection: close\r\n"));
    UNTIL(engine->fd < 0); /* it hears no whole question */
    assert_int_equal(active() + waiting(), 0);
}

static void what_is_no_json_is_refused_wherever_that_shows(void **state)
{
    struct peer *c = client(), *d = client();

    (void)state;
    begin_sized(c, "/v1/embeddings", BEGINNING, MANY, "\"]");
    push_all(c, MANY);
    UNTIL(upload());
    struct peer *engine = upload();
    say(c, "\"]");
    UNTIL(has(c, "not a JSON object"));
    UNTIL(engine->fd < 0);
    say(d, "POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: "
           "chunked\r\n\r\n29\r\n" BEGINNING "\r\n200000\r\n");
    push_all(d, 0x200000);
    UNTIL(upload());
    engine = upload();
    say(d, "no chunk");
    UNTIL(has(d, "HTTP/1.1 400 "));
    UNTIL(engine->eof);
    assert_int_equal(active() + waiting(), 0);
}

static void an_engine_lost_in_the_middle_is_told(void **state)
{
    struct peer *c = client();

    (void)state;
    begin_sized(c, "/v1/embeddings", BEGINNING, MANY, END);
    push_all(c, 2 * MANY / 3);
    UNTIL(upload() && upload()->in.len > 1500000); /* more than is kept */
    drop_peer(upload());
    UNTIL(has(c, "too long to be kept"));
    assert_true(has(c, "HTTP/1.1 502 "));
    assert_null(question());
    assert_int_equal(active() + waiting(), 0);
}

static void an_early_answer_ends_it(void **state)
{
    struct peer *c = client();

    (void)state;
    begin_sized(c, "/parrot/files", "", MANY, "");
    model_wake(rig.house->models[0]);
    UNTIL(model_state(rig.house->models[0]) == MODEL_READY);
    push_all(c, 2 * MANY / 3);
    UNTIL(upload());
    say(upload(), "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
    UNTIL(has(c, "\r\n\r\nno"));
    assert_true(has(c, "HTTP/1.1 413 ") && has(c, "Connection: close\r\n"));
    UNTIL(!upload());
}

static void a_client_that_leaves_ends_it(void **state)
{
    struct peer *c = client();

    (void)state;
    begin_sized(c, "/v1/embeddings", BEGINNING, MANY, END);
    push_all(c, 2 * MANY / 3);
    UNTIL(upload());
    struct peer *engine = upload();
    drop_peer(c);
    UNTIL(engine->fd < 0);
    assert_int_equal(active() + waiting(), 0);
}

static void an_engine_that_does_not_read_stops_the_client(void **state)
{
    struct peer *c = client();

    (void)state;
    begin_sized(c, "/v1/embeddings", BEGINNING, FLOOD, END);
    push_all(c, 2 << 20);
    UNTIL(upload());
    struct peer *engine = upload();
    engine->deaf = true;
    push_until_stuck(c);
    drop_peer(c); /* who is seen to leave all the same */
    UNTIL(active() == 0);
    engine->deaf = false;
    UNTIL(engine->fd < 0);
}

static void who_waits_is_not_read_from(void **state)
{
    struct peer *c = client(), *d = client();

    (void)state;
    rig.healthy = false;
    begin_sized(c, "/v1/embeddings", BEGINNING, FLOOD, END);
    size_t sent = push_until_stuck(c);
    assert_int_equal(waiting(), 1);
    begin_sized(d, "/v1/embeddings", BEGINNING, FLOOD, END);
    push_until_stuck(d);
    assert_int_equal(waiting(), 2);
    drop_peer(d);
    UNTIL(waiting() == 1);
    rig.healthy = true;
    UNTIL(upload());
    push_all(c, 10 << 20);
    UNTIL(upload()->in.len > sent);
}

#define SHARE (15 << 20) /* four of them are nearly all that may be held where max_body is small */

static struct peer *begin_share(void)
{
    struct peer *c = client();

    begin_sized(c, "/v1/embeddings", "{\"input\":\"", SHARE, "\",\"model\":\"p\"}");
    return c;
}

static void all_that_must_be_whole_share_one_measure(void **state)
{
    struct peer *c[4], *much, *usual = client();

    (void)state;
    for (int i = 0; i < 4; i++)
        push_all(c[i] = begin_share(), SHARE);
    much = begin_share();
    UNTIL(has(much, "\r\n\r\n{") || (push(much, SHARE), false));
    assert_true(has(much, "HTTP/1.1 503 ") && has(much, "Retry-After: ") &&
                has(much, "Connection: close\r\n"));
    ask(usual, QUESTION); /* has room all the same */
    UNTIL(question());
    answer(question(), ANSWER);
    UNTIL(has(usual, "{\"a\":1}"));
    for (int i = 0; i < 4; i++)
        assert_int_equal(c[i]->in.len, 0);

    say(c[0], "\",\"model\":\"p\"}"); /* the others get on */
    UNTIL(question());
    answer(question(), ANSWER);
    UNTIL(has(c[0], "{\"a\":1}"));
    drop_peer(c[1]);
    for (int i = 0; i < 2; i++) { /* and leave their room */
        struct peer *next = begin_share();
        push_all(next, SHARE);
        say(next, "\",\"model\":\"p\"}");
        UNTIL(question());
        answer(question(), ANSWER);
        UNTIL(has(next, "{\"a\":1}"));
    }
}

static int begin_small(void **state)
{
    (void)state;
    begin_with("max_body = \"16MiB\"", "");
    return 0;
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, finish)
    const struct CMUnitTest tests[] = {
        ROW(a_sized_body_goes_by_while_it_comes),
        ROW(a_chunked_one_stays_chunked),
        ROW(one_without_a_model_is_waited_for),
        ROW(one_that_has_to_wait_says_first_whether_it_wants_events),
        ROW(a_second_model_is_refused_wherever_it_comes),
        ROW(what_is_no_json_is_refused_wherever_that_shows),
        ROW(an_engine_lost_in_the_middle_is_told),
        ROW(an_early_answer_ends_it),
        ROW(a_client_that_leaves_ends_it),
        ROW(an_engine_that_does_not_read_stops_the_client),
        ROW(who_waits_is_not_read_from),
        cmocka_unit_test_setup_teardown(all_that_must_be_whole_share_one_measure, begin_small, finish),
    };
#undef ROW
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
