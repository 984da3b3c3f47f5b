/* SPDX-License-Identifier: MIT */
/* How the parrot serves: connections, time, failures on demand, and its end. */
#include "parrot_fixture.h"

static void kept_alive(void **state)
{
    struct buf raw = { 0 };
    char *json = question("again", "");

    (void)state;
    assert_true(start(NULL));
    int fd = dial();
    for (int i = 0; i < 3; i++) {
        buf_reset(&raw);
        say_post(fd, "/v1/chat/completions", "", json);
        hear_until(fd, &raw, "data: [DONE]\n\n\r\n0\r\n\r\n");
    }
    buf_reset(&raw); /* two at once, and a third in the middle of a read */
    for (int i = 0; i < 2; i++)
        say_post(fd, "/v1/chat/completions", "", json);
    say(fd, "GET /hea", 8);
    hear_until(fd, &raw, "[DONE]\n\n\r\n0\r\n\r\nHTTP/1.1 200");
    hear_until(fd, &raw, "parrot-5\"");
    say(fd, "lth HTTP/1.1\r\n\r\n", 16);
    hear_until(fd, &raw, "{\"status\":\"ok\"}");
    buf_reset(&raw);
    say(fd, "POST /v1/completions HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 14\r\n\r\n", 75);
    hear_until(fd, &raw, "HTTP/1.1 100 Continue\r\n\r\n");
    say(fd, "{\"prompt\":\"x\"}", 14);
    hear_until(fd, &raw, "\"text\":\"x\"");
    buf_reset(&raw); /* HTTP/1.0 has no chunks: the connection's end is the stream's */
    say(fd, "POST /v1/completions HTTP/1.0\r\nContent-Length: 28\r\n\r\n{\"prompt\":\"x\",\"stream\":true}",
        81);
    while (hear(fd, &raw, DEADLINE_MS) > 0)
        ;
    assert_non_null(strstr(raw.data, "\r\n\r\ndata: {"));
    assert_string_equal(raw.data + raw.len - 14, "data: [DONE]\n\n");
    close(fd);
    free(json);
    buf_free(&raw);
}

static void parallel(void **state)
{
    int fd[64];

    (void)state;
    assert_true(start(NULL));
    for (int i = 0; i < 64; i++) {
        char text[64];
        snprintf(text, sizeof text, "question %d of \"64\" – all different", i);
        char *json = question(text, "");
        fd[i] = dial();
        say_post(fd[i], "/v1/chat/completions", "Connection: close\r\n", json);
        free(json);
    }
    for (int i = 0; i < 64; i++) {
        char text[64];
        struct buf raw = { 0 };
        struct heard h;
        while (hear(fd[i], &raw, DEADLINE_MS) > 0)
            ;
        read_stream(&h, &raw);
        snprintf(text, sizeof text, "question %d of \"64\" – all different", i);
        assert_string_equal(buf_str(&h.text), text);
        forget(&h);
        buf_free(&raw);
        close(fd[i]);
    }
}

static long memory_kib(void)
{
    char path[64], line[256];
    long kib = 0;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f))
        sscanf(line, "VmRSS: %ld", &kib);
    fclose(f);
    return kib;
}

static void slow_client(void **state)
{
    size_t len = 2 << 20;
    char *text = xcalloc(1, len + 1);
    struct buf raw = { 0 };
    struct heard h;

    (void)state;
    for (size_t i = 0; i < len; i++)
        text[i] = i % 6 ? (char)('a' + i % 23) : ' ';
    char *json = question(text, "");
    assert_true(start(NULL));
    long before = memory_kib();
    int fd = dial();
    say_post(fd, "/v1/chat/completions", "Connection: close\r\n", json);
    /* Rendered, the answer is some 64 MiB. Wait until the first bytes are there, and for what would come
     * behind them. */
    hear_until(fd, &raw, "HTTP/1.1 200 OK");
    assert_int_equal(get("/health"), 200);
    assert_true(memory_kib() - before < 40 * 1024);
    while (hear(fd, &raw, DEADLINE_MS) > 0)
        ;
    close(fd);
    read_stream(&h, &raw);
    assert_true(h.done && h.text.len == len && !memcmp(h.text.data, text, len));
    forget(&h);
    buf_free(&raw);
    free(json);
    free(text);
}

static void speed(void **state)
{
    struct buf raw = { 0 };
    char *json = question("1 2 3 4 5 6 7 8 9 10 11", "");

    (void)state;
    assert_true(start((char *)"--rate", "100", "--delay", "0.5", NULL));
    uint64_t begun = mono_ms();
    int fd = dial();
    say_post(fd, "/v1/chat/completions", "Connection: close\r\n", json);
    hear_until(fd, &raw, "assistant");
    assert_true(mono_ms() - begun < 500); /* the head and the role do not wait */
    while (hear(fd, &raw, DEADLINE_MS) > 0)
        ;
    assert_in_range(mono_ms() - begun, 600, 5000); /* 11 tokens, 10 gaps of 10 ms */
    assert_non_null(strstr(raw.data, "[DONE]"));
    close(fd);
    begun = mono_ms();
    assert_int_equal(chat(&raw, "{\"messages\":[{\"role\":\"user\",\"content\":\"1 2 3 4 5 6\"}]}"), 200);
    assert_in_range(mono_ms() - begun, 550, 5000);
    free(json);
    buf_free(&raw);
}

static void gate(void **state)
{
    char path[] = "/tmp/parrot-gate-XXXXXX";
    int file = mkstemp(path);
    struct buf raw = { 0 };
    char *json = question("one two three", "");

    (void)state;
    assert_true(start((char *)"--gate", path, NULL));
    int fd = dial();
    say_post(fd, "/v1/chat/completions", "", json);
    hear_until(fd, &raw, "assistant");
    assert_true(hear(fd, &raw, 50) < 0);
    assert_int_equal(write(file, "x", 1), 1);
    hear_until(fd, &raw, "\"one\"");
    assert_true(hear(fd, &raw, 50) < 0);
    assert_null(strstr(raw.data, "two"));
    assert_int_equal(write(file, "xx", 2), 2);
    hear_until(fd, &raw, "[DONE]");
    close(fd);
    close(file);
    unlink(path);
    free(json);
    buf_free(&raw);
}

static void startup(void **state)
{
    struct buf raw = { 0 };

    (void)state;
    assert_true(start((char *)"--startup", "1", NULL));
    assert_int_equal(get("/health"), 503);
    fetch(&raw, "GET", "/health", "", NULL);
    assert_non_null(strstr(raw.data, "Loading model"));
    fetch(&raw, "POST", "/v1/completions", "", "{\"prompt\":\"x\"}");
    assert_int_equal(status_of(&raw), 503);
    for (uint64_t begun = mono_ms(); get("/health") != 200;) {
        assert_true(mono_ms() - begun < DEADLINE_MS);
        poll(NULL, 0, 20);
    }
    buf_free(&raw);
}

static int open_files(void)
{
    char path[64];
    int n = 0;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *d = opendir(path);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void leaving(void **state)
{
    static const char *const args[][2] = { { "--rate", "0.001" },
                                           { "--delay", "1000" },
                                           { "--fail", "silent" } };
    char *json = question("a b c d e f g h", "");

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_true(start((char *)args[i][0], args[i][1], NULL));
        int before = open_files();
        int fd = dial();
        say_post(fd, "/v1/chat/completions", "", json);
        assert_int_equal(get("/health"), 200); /* it has been read by now */
        assert_int_equal(open_files(), before + 1);
        close(fd);
        for (uint64_t begun = mono_ms(); open_files() != before;) {
            assert_true(mono_ms() - begun < DEADLINE_MS);
            poll(NULL, 0, 5);
        }
        assert_int_equal(stop(NULL), 0);
    }
    free(json);
}

static void ends_at_once(void **state)
{
    struct buf raw = { 0 };
    char *json = question("a b c d", "");

    (void)state;
    /* A word a quarter of an hour: an answer that was waited for would outlast the test. */
    assert_true(start((char *)"--rate", "0.001", NULL));
    int fd = dial(), idle = dial();
    say_post(fd, "/v1/chat/completions", "", json);
    hear_until(fd, &raw, "assistant");
    assert_int_equal(stop(NULL), 0);
    close(fd);
    close(idle);
    free(json);
    buf_free(&raw);
}

/* Start with --fail and ask for a stream of four tokens; the whole answer is in raw and, where it is HTTP, in
 * h. */
static void ask_failing(const char *kind, struct buf *raw, struct heard *h)
{
    char *json = question("one two three four", "");

    assert_true(start((char *)"--fail", kind, NULL));
    assert_int_equal(get("/health"), 200);
    chat(raw, json);
    *h = (struct heard){ 0 };
    if (raw->len && raw->data[0] == 'H')
        read_stream(h, raw);
    free(json);
}

static void failures(void **state)
{
    struct buf raw = { 0 };
    struct heard h;

    (void)state;
    ask_failing("http-500", &raw, &h);
    assert_int_equal(status_of(&raw), 500);
    forget(&h);
    stop(NULL);
    ask_failing("http-429", &raw, &h);
    assert_int_equal(status_of(&raw), 429);
    assert_non_null(strstr(raw.data, "Retry-After: 1\r\n"));
    forget(&h);
    stop(NULL);
    ask_failing("garbage", &raw, &h);
    assert_true(raw.len > 0 && strncmp(raw.data, "HTTP", 4) != 0);
    stop(NULL);
    ask_failing("half-event", &raw, &h);
    assert_true(h.complete && !h.done);
    assert_string_equal(h.text.data, "one two");
    forget(&h);
    stop(NULL);
    ask_failing("error-in-stream", &raw, &h);
    assert_true(h.complete && !h.done && h.error);
    assert_string_equal(h.text.data, "one two");
    forget(&h);
    stop(NULL);
    ask_failing("die-mid-stream", &raw, &h);
    assert_true(!h.complete && !h.done);
    assert_string_equal(h.text.data, "one two");
    forget(&h);
    assert_int_equal(wait_end(), 1);
    ask_failing("die-before-first-byte", &raw, &h);
    assert_int_equal(raw.len, 0);
    assert_int_equal(wait_end(), 1);
    ask_failing("http-500@2", &raw, &h);
    assert_int_equal(status_of(&raw), 200);
    forget(&h);
    assert_int_equal(chat(&raw, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}"), 500);
    assert_int_equal(chat(&raw, "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}"), 200);
    buf_free(&raw);
}

static void failures_without_end(void **state)
{
    struct buf raw = { 0 };
    char *json = question("one two three four", "");

    (void)state;
    assert_true(start((char *)"--fail", "silent", NULL));
    int fd = dial();
    say_post(fd, "/v1/chat/completions", "", json);
    assert_true(hear(fd, &raw, 100) < 0);
    close(fd);
    stop(NULL);
    assert_true(start((char *)"--fail", "hang-mid-stream", NULL));
    fd = dial();
    say_post(fd, "/v1/chat/completions", "", json);
    hear_until(fd, &raw, "\" two\"");
    assert_true(hear(fd, &raw, 100) < 0);
    close(fd);
    stop(NULL);
    buf_reset(&raw);
    assert_true(start((char *)"--fail", "infinite-line", NULL));
    fd = dial();
    say_post(fd, "/v1/chat/completions", "", json);
    while (raw.len < 4 << 20)
        assert_true(hear(fd, &raw, DEADLINE_MS) > 0);
    close(fd);
    buf_free(&raw);
    free(json);
}

static void failures_of_the_process(void **state)
{
    struct buf raw = { 0 };

    (void)state;
    assert_false(start((char *)"--fail", "exit-at-start", NULL));
    assert_int_equal(wait_end(), 1);
    assert_true(start((char *)"--fail", "never-healthy", NULL));
    assert_int_equal(get("/health"), 503);
    stop(NULL);
    setenv("LLAMA_API_KEY", "secret", 1);
    assert_true(start((char *)"--fail", "always-200", NULL));
    unsetenv("LLAMA_API_KEY");
    assert_int_equal(get("/v1/models"), 200);
    assert_int_equal(get("/whatever"), 200);
    stop(NULL);
    assert_true(start((char *)"--fail", "refuse-after@2", NULL));
    for (int i = 0; i < 2; i++) {
        fetch(&raw, "POST", "/v1/completions", "", "{\"prompt\":\"x\"}");
        assert_int_equal(status_of(&raw), 200);
    }
    assert_int_equal(wait_end(), 1);
    assert_true(dial() < 0);
    buf_free(&raw);
}

static void arguments(void **state)
{
    (void)state;
    assert_false(start((char *)"--nonsense", NULL));
    assert_int_equal(wait_end(), 2);
    assert_false(start((char *)"--port", "70000", NULL));
    assert_int_equal(wait_end(), 2);
    assert_false(start((char *)"--fail", "unheard-of", NULL));
    assert_int_equal(wait_end(), 2);
    assert_false(start((char *)"--fail", "silent@x", NULL));
    assert_int_equal(wait_end(), 2);
    assert_false(start((char *)"--api-key-file", "/nonexistent", NULL));
    assert_int_equal(wait_end(), 2);
    assert_false(start((char *)"extra", NULL));
    assert_int_equal(wait_end(), 2);
    assert_false(start((char *)"--host", "999.1.1.1", NULL));
    assert_int_equal(wait_end(), 1);
    assert_false(start((char *)"--help", NULL));
    assert_int_equal(wait_end(), 0);
    assert_true(start(NULL)); /* a port that is taken */
    pid_t holder = pid;
    char taken[8];
    snprintf(taken, sizeof taken, "%d", port);
    assert_false(start((char *)"--port", taken, NULL));
    assert_int_equal(wait_end(), 1);
    pid = holder;
}

int main(void)
{
#define CASE(sentence, f)                                                                                    \
    {                                                                                                        \
        sentence, f, NULL, stop, NULL                                                                        \
    }
    static const struct CMUnitTest tests[] = {
        CASE("a connection is kept, pipelined requests are answered in order", kept_alive),
        CASE("64 parallel streams each get their own answer", parallel),
        CASE("a client that reads slowly costs no memory and gets the whole answer", slow_client),
        CASE("rate and delay are kept", speed),
        CASE("a gated token waits for the file to grow", gate),
        CASE("health is 503 while it starts", startup),
        CASE("a client that leaves ends its stream at once, while it waits too", leaving),
        CASE("SIGTERM ends it at once with status 0", ends_at_once),
        CASE("failures on demand end in order", failures),
        CASE("failures on demand that never end", failures_without_end),
        CASE("failures on demand of the whole process", failures_of_the_process),
        CASE("arguments that cannot be used end it with a status", arguments),
    };

    unsetenv("LLAMA_API_KEY");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
