/* SPDX-License-Identifier: MIT */
/* The parrot as its users meet it: a process that is started with arguments, spoken to over TCP, and ended by
 * a signal. */
#include "backend/parrot/parrot.h"
#include "backend/parrot/tokens.h"
#include "backend/base/alloc.h"
#include "backend/base/timer.h"
#include "backend/http/http.h"
#include "backend/http/sse.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <jansson.h>
#include <cmocka.h>

#define DEADLINE_MS 10000

static pid_t pid; /* the parrot of the running test, 0 = none */
static int port;

/* ---- The process. */

/* Start with the arguments, which end in NULL. Returns false where it ended without listening. */
static bool start(char *first, ...)
{
    char *argv[16] = { (char *)"parrot", first }, line[128] = "";
    int argc = first ? 2 : 1, out[2];
    va_list ap;

    va_start(ap, first);
    while (first && argc < 15 && (argv[argc] = va_arg(ap, char *)))
        argc++;
    va_end(ap);
    assert_int_equal(pipe(out), 0);
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        freopen("/dev/null", "w", stderr);
        exit(parrot_main(argc, argv));
    }
    close(out[1]);
    for (size_t n = 0; n + 1 < sizeof line && !strchr(line, '\n');) {
        ssize_t got = read(out[0], line + n, sizeof line - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
    }
    close(out[0]);
    port = 0;
    return sscanf(line, "listening http://127.0.0.1:%d\n", &port) == 1;
}

static int wait_end(void)
{
    int status = -1;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int stop(void **state)
{
    (void)state;
    if (!pid)
        return 0;
    kill(pid, SIGTERM);
    return wait_end(); /* 0, unless the sanitizer found something */
}

/* ---- A client. */

static int dial(void)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0) {
        close(fd);
        return -errno;
    }
    return fd;
}

static void say(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        assert_true(n > 0);
        data += n;
        len -= (size_t)n;
    }
}

/* Read once. Returns the bytes, 0 for the end, or -1 where ms passed or the connection was reset. */
static ssize_t hear(int fd, struct buf *out, int ms)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    char data[65536];

    if (poll(&p, 1, ms) <= 0)
        return -1;
    ssize_t n = recv(fd, data, sizeof data, 0);
    if (n > 0)
        buf_add(out, data, (size_t)n);
    return n;
}

static void hear_until(int fd, struct buf *out, const char *text)
{
    while (!strstr(buf_str(out), text))
        assert_true(hear(fd, out, DEADLINE_MS) > 0);
}

static void say_post(int fd, const char *path, const char *fields, const char *json)
{
    struct buf b = { 0 };

    buf_addf(&b, "POST %s HTTP/1.1\r\nHost: parrot\r\nContent-Length: %zu\r\n%s\r\n", path, strlen(json),
             fields);
    buf_adds(&b, json);
    say(fd, b.data, b.len);
    buf_free(&b);
}

/* One request on a connection of its own; everything that comes until the end. */
static void fetch(struct buf *out, const char *method, const char *path, const char *fields, const char *json)
{
    int fd = dial();
    struct buf b = { 0 };

    assert_true(fd >= 0);
    buf_free(out);
    buf_addf(&b, "%s %s HTTP/1.1\r\nHost: parrot\r\nConnection: close\r\n%s", method, path, fields);
    if (json)
        buf_addf(&b, "Content-Length: %zu\r\n\r\n%s", strlen(json), json);
    else
        buf_adds(&b, "\r\n");
    say(fd, b.data, b.len);
    while (hear(fd, out, DEADLINE_MS) > 0)
        ;
    close(fd);
    buf_free(&b);
}

static int status_of(const struct buf *raw)
{
    int status = 0;

    sscanf(buf_str(raw), "HTTP/1.1 %d", &status);
    return status;
}

static int get(const char *path)
{
    struct buf raw = { 0 };

    fetch(&raw, "GET", path, "", NULL);
    int status = status_of(&raw);
    buf_free(&raw);
    return status;
}

static int chat(struct buf *raw, const char *json)
{
    fetch(raw, "POST", "/v1/chat/completions", "", json);
    return status_of(raw);
}

/* ---- What a stream said. */

struct heard {
    struct sse_reader *sse;
    struct buf text, body;
    char finish[16];
    bool done, complete, error;
    long long completion_tokens;
    unsigned tokens;
};

static int event_cb(void *arg, const struct sse_event *e)
{
    struct heard *h = arg;
    json_t *choice, *delta, *root = json_loadb(e->data, e->len, JSON_ALLOW_NUL, NULL);

    if (!strcmp(e->data, "[DONE]")) {
        h->done = true;
        return 0;
    }
    assert_non_null(root);
    h->error = h->error || json_object_get(root, "error");
    choice = json_array_get(json_object_get(root, "choices"), 0);
    delta = json_object_get(json_object_get(choice, "delta"), "content");
    if (!delta)
        delta = json_object_get(choice, "text");
    if (json_string_length(delta)) {
        buf_add(&h->text, json_string_value(delta), json_string_length(delta));
        h->tokens++;
    }
    if (json_is_string(json_object_get(choice, "finish_reason")))
        snprintf(h->finish, sizeof h->finish, "%s",
                 json_string_value(json_object_get(choice, "finish_reason")));
    json_t *usage = json_object_get(root, "usage");
    if (usage)
        h->completion_tokens = json_integer_value(json_object_get(usage, "completion_tokens"));
    json_decref(root);
    return 0;
}

static int body_cb(void *arg, const char *data, size_t len)
{
    struct heard *h = arg;

    buf_add(&h->body, data, len);
    return 0;
}

static int complete_cb(void *arg)
{
    ((struct heard *)arg)->complete = true;
    return 0;
}

static void read_stream(struct heard *h, const struct buf *raw)
{
    static const struct http_reader_callbacks callbacks = { .body = body_cb, .complete = complete_cb };
    struct http_reader *r = http_reader_create(true, &callbacks, h);

    *h = (struct heard){ .completion_tokens = -1 };
    h->sse = sse_reader_create(event_cb, h);
    assert_true(http_reader_feed(r, raw->data, raw->len, NULL) > 0);
    if (h->body.len && h->body.data[0] == 'd')
        sse_reader_feed(h->sse, h->body.data, h->body.len);
    http_reader_destroy(r);
}

static void forget(struct heard *h)
{
    sse_reader_destroy(h->sse);
    buf_free(&h->text);
    buf_free(&h->body);
}

static char *question(const char *text, const char *more)
{
    json_t *root =
        json_pack("{s:b, s:[{s:s, s:s}]}", "stream", 1, "messages", "role", "user", "content", text);
    char *json = json_dumps(root, JSON_COMPACT);

    json_decref(root);
    char *with = xasprintf("%.*s%s}", (int)strlen(json) - 1, json, more);
    free(json);
    return with;
}

/* ---- Tests. */

static void tokens(void **state)
{
    static const char *const texts[] = {
        "",
        "a",
        "Hello, world!",
        "  two  blanks  ",
        "tabs\t\tand\r\nlines\n\n",
        "päö€😀 ünd 日本語日本語日本語日本語日本語",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "                                        x",
        "x😀😀😀😀😀😀😀😀😀😀",
        "xx😀😀😀😀😀😀😀😀",
        "xxx😀😀😀😀😀😀😀😀",
        "\x01\x02{\"}\\",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *s = texts[i], *end = s + strlen(s);
        uint64_t n = 0;
        while (s < end) {
            size_t len = parrot_token(s, (size_t)(end - s));
            assert_in_range(len, 1, PARROT_TOKEN_MAX);
            s += len;
            assert_true(((unsigned char)*s & 0xc0) != 0x80); /* no sequence is cut */
            n++;
        }
        assert_ptr_equal(s, end);
        assert_int_equal(parrot_count_tokens(texts[i], strlen(texts[i])), n);
        struct buf json = { 0 };
        parrot_json_add(&json, texts[i], strlen(texts[i]));
        assert_int_equal(json.len, parrot_json_length(texts[i], strlen(texts[i])));
        buf_free(&json);
    }
    assert_int_equal(parrot_count_tokens("Why is the sky blue?", 20), 6);
}

static void repeats(void **state)
{
    static const char *const texts[] = { "", "one", "Hello, \"world\"\n", "päö€😀 日本語\t\\ \x01\x7f",
                                         "  a  b  " };
    struct buf raw = { 0 };
    struct heard h;

    (void)state;
    assert_true(start(NULL));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char *json = question(texts[i], ",\"stream_options\":{\"include_usage\":true}");
        assert_int_equal(chat(&raw, json), 200);
        read_stream(&h, &raw);
        assert_string_equal(buf_str(&h.text), texts[i]);
        assert_true(h.done && h.complete);
        assert_string_equal(h.finish, "stop");
        assert_int_equal(h.completion_tokens, h.tokens);
        assert_non_null(strstr(raw.data, "\"role\":\"assistant\""));
        forget(&h);
        free(json);
    }
    assert_int_equal(
        chat(&raw, "{\"messages\":[{\"role\":\"user\",\"content\":\"a\\u0000b\"}],\"stream\":true}"), 200);
    read_stream(&h, &raw);
    assert_int_equal(h.text.len, 3);
    forget(&h);
    buf_free(&raw);
}

static void whole_answers(void **state)
{
    struct buf raw = { 0 };

    (void)state;
    assert_true(start(NULL));
    chat(&raw, "{\"messages\":[{\"role\":\"user\",\"content\":\"no\"},{\"role\":\"user\",\"content\":[{"
               "\"type\":\"text\",\"text\":"
               "\"a b\"},{\"type\":\"image_url\"},{\"type\":\"text\",\"text\":\" "
               "c\"}]},{\"role\":\"assistant\",\"content\":null}]}");
    json_t *root = json_loads(strstr(raw.data, "\r\n\r\n") + 4, 0, NULL);
    const char *content = NULL, *finish = NULL;
    int prompt, completion, total;
    assert_int_equal(json_unpack(root, "{s:[{s:{s:s},s:s}],s:{s:i,s:i,s:i}}", "choices", "message", "content",
                                 &content, "finish_reason", &finish, "usage", "prompt_tokens", &prompt,
                                 "completion_tokens", &completion, "total_tokens", &total),
                     0);
    assert_string_equal(content, "a b c");
    assert_string_equal(finish, "stop");
    assert_true(prompt == 5 && completion == 3 && total == 8); /* the image counts as one */
    json_decref(root);
    fetch(&raw, "POST", "/v1/completions", "",
          "{\"prompt\":\"one two three\",\"max_tokens\":2,\"model\":\"m\"}");
    assert_non_null(strstr(raw.data, "\"text\":\"one two\",\"finish_reason\":\"length\""));
    assert_non_null(strstr(raw.data, "\"model\":\"m\""));
    buf_free(&raw);
}

/* The JSON of an answer to a request of this body. */
static json_t *answer_to(const char *path, const char *body)
{
    struct buf raw = { 0 };

    fetch(&raw, "POST", path, "", body);
    json_t *root = json_loads(strstr(raw.data, "\r\n\r\n") + 4, 0, NULL);
    buf_free(&raw);
    assert_non_null(root);
    return root;
}

#define WEATHER                                                                                              \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"weather\",\"parameters\":{\"type\":"         \
    "\"object\","                                                                                            \
    "\"properties\":{\"city\":{\"type\":\"string\"},\"days\":{\"type\":\"integer\"}}}}}]"

static void tools_are_called(void **state)
{
    const char *name, *arguments, *finish, *content;
    struct buf raw = { 0 };

    (void)state;
    assert_true(start(NULL));
    json_t *v = answer_to("/v1/chat/completions",
                          "{\"messages\":[{\"role\":\"user\",\"content\":\"the weather\"}]," WEATHER "}");
    assert_int_equal(json_unpack(v, "{s:[{s:{s:[{s:{s:s,s:s}}]},s:s}]}", "choices", "message", "tool_calls",
                                 "function", "name", &name, "arguments", &arguments, "finish_reason",
                                 &finish),
                     0);
    assert_string_equal(name, "weather");
    assert_string_equal(arguments, "{\"city\":\"the weather\",\"days\":0}");
    assert_string_equal(finish, "tool_calls");
    json_decref(v);
    v = answer_to("/v1/chat/completions",
                  "{\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]," WEATHER "}");
    assert_int_equal(json_unpack(v, "{s:[{s:{s:s}}]}", "choices", "message", "content", &content), 0);
    assert_string_equal(content, "Hello"); /* it says no tool's name */
    json_decref(v);
    v = answer_to("/v1/chat/completions",
                  "{\"messages\":[{\"role\":\"user\",\"content\":\"the weather\"},{\"role\":\"tool\","
                  "\"tool_call_id\":\"x\",\"content\":\"rain\"}]," WEATHER "}");
    assert_int_equal(json_unpack(v, "{s:[{s:{s:s}}]}", "choices", "message", "content", &content), 0);
    assert_string_equal(content, "rain"); /* it knows */
    json_decref(v);
    fetch(&raw, "POST", "/v1/chat/completions", "",
          "{\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Go\"}],\"tool_choice\":"
          "\"required\"," WEATHER "}");
    assert_non_null(strstr(raw.data, "\"name\":\"weather\",\"arguments\":\"\"}"));
    assert_non_null(
        strstr(raw.data, "\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\"}}]}"));
    assert_non_null(strstr(raw.data, "\"finish_reason\":\"tool_calls\""));
    buf_free(&raw);
}

static void json_and_thinking(void **state)
{
    const char *content, *thinking;

    (void)state;
    assert_true(start(NULL));
    json_t *v =
        answer_to("/v1/chat/completions",
                  "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"response_format\":{\"type\":"
                  "\"json_schema\",\"json_schema\":{\"schema\":{\"type\":\"object\",\"properties\":{\"a\":{"
                  "\"type\":\"array\",\"minItems\":2,\"items\":{\"$ref\":\"#/$defs/b\"}},\"c\":{\"enum\":["
                  "\"x\",\"y\"]},\"d\":{\"anyOf\":[{\"type\":\"boolean\"}]},\"e\":{\"minimum\":3,"
                  "\"type\":\"number\"}},\"$defs\":{\"b\":{\"type\":\"string\"}}}}}}");
    assert_int_equal(json_unpack(v, "{s:[{s:{s:s}}]}", "choices", "message", "content", &content), 0);
    assert_string_equal(content, "{\"a\":[\"Hi\",\"Hi\"],\"c\":\"x\",\"d\":true,\"e\":3}");
    json_decref(v);
    v = answer_to("/v1/chat/completions",
                  "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"response_format\":{\"type\":"
                  "\"json_schema\","
                  "\"json_schema\":{\"schema\":{\"$ref\":\"#\"}}}}"); /* itself, without an end */
    json_decref(v);
    v = answer_to("/v1/chat/completions", "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],"
                                          "\"chat_template_kwargs\":{\"enable_thinking\":true}}");
    assert_int_equal(json_unpack(v, "{s:[{s:{s:s,s:s}}]}", "choices", "message", "reasoning_content",
                                 &thinking, "content", &content),
                     0);
    assert_string_equal(content, "Hi");
    json_decref(v);
}

static void embeddings(void **state)
{
    json_t *a, *b, *c;

    (void)state;
    assert_true(start(NULL));
    json_t *v = answer_to("/v1/embeddings", "{\"input\":[\"one\",\"two\",\"one\"],\"dimensions\":3}");
    assert_int_equal(
        json_unpack(v, "{s:[{s:o},{s:o},{s:o}]}", "data", "embedding", &a, "embedding", &b, "embedding", &c),
        0);
    assert_int_equal(json_array_size(a), 3);
    assert_true(json_equal(a, c));
    assert_false(json_equal(a, b));
    json_decref(v);
    v = answer_to("/v1/embeddings", "{\"input\":\"one\",\"encoding_format\":\"base64\"}");
    assert_int_equal(json_unpack(v, "{s:[{s:o}]}", "data", "embedding", &a), 0);
    assert_int_equal(json_string_length(a), 44); /* 8 floats */
    json_decref(v);
    v = answer_to("/v1/embeddings", "{\"input\":7}");
    assert_non_null(json_object_get(v, "error"));
    json_decref(v);
}

static void max_tokens(void **state)
{
    struct buf raw = { 0 };
    struct heard h;
    static const struct {
        const char *more, *text, *finish;
    } cases[] = {
        { ",\"max_tokens\":2", "one two", "length" },
        { ",\"max_tokens\":1,\"max_completion_tokens\":3", "one two three", "stop" },
        { ",\"max_tokens\":0", "", "length" },
        { ",\"max_tokens\":-1", "one two three", "stop" },
        { ",\"max_tokens\":null", "one two three", "stop" },
    };

    (void)state;
    assert_true(start(NULL));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *json = question("one two three", cases[i].more);
        chat(&raw, json);
        read_stream(&h, &raw);
        assert_string_equal(buf_str(&h.text), cases[i].text);
        assert_string_equal(h.finish, cases[i].finish);
        forget(&h);
        free(json);
    }
    buf_free(&raw);
}

static void errors(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "null",
        "{}",
        "{\"messages\":{}}",
        "{\"messages\":[]}",
        "{\"messages\":[{\"content\":\"x\"}]}",
        "{\"messages\":[{\"role\":\"user\"}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":7}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":[{}]}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"\xff\"}]}",
        "{\"stream\":1,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
        "{\"max_tokens\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
        "{\"n\":2,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
    };
    struct buf raw = { 0 };

    (void)state;
    assert_true(start(NULL));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(chat(&raw, bad[i]), 400);
        json_t *root = json_loads(strstr(raw.data, "\r\n\r\n") + 4, 0, NULL);
        const char *message, *type;
        int code;
        assert_int_equal(json_unpack(root, "{s:{s:s,s:s,s:i}}", "error", "message", &message, "type", &type,
                                     "code", &code),
                         0);
        assert_true(strlen(message) > 5 && code == 400);
        json_decref(root);
    }
    assert_int_equal(get("/nothing"), 404);
    assert_int_equal(get("/v1/chat/completions"), 405);
    assert_int_equal(get("/health?x"), 200);
    assert_int_equal(get("http://parrot/v1/models"), 200);
    fetch(&raw, "DELETE", "/health", "", NULL);
    assert_int_equal(status_of(&raw), 405);
    fetch(&raw, "HEAD", "/health", "", NULL);
    assert_int_equal(status_of(&raw), 200);
    assert_string_equal(strstr(raw.data, "\r\n\r\n"), "\r\n\r\n");
    fetch(&raw, "GET", "/health", "Bad Field: x\r\n", NULL);
    assert_int_equal(status_of(&raw), 400);
    fetch(&raw, "POST", "/v1/completions", "Content-Length: 268435457\r\n", NULL);
    assert_int_equal(status_of(&raw), 413);
    buf_free(&raw);
}

static void keys(void **state)
{
    char path[] = "/tmp/parrot-keys-XXXXXX";
    int fd = mkstemp(path);
    struct buf raw = { 0 };
    const char *body = "{\"prompt\":\"x\"}";

    (void)state;
    assert_int_equal(write(fd, "first\n\nsecond\r\n", 15), 15);
    close(fd);
    setenv("LLAMA_API_KEY", "third", 1);
    assert_true(start((char *)"--api-key-file", path, NULL));
    unsetenv("LLAMA_API_KEY");
    unlink(path);
    assert_int_equal(get("/health"), 200);
    assert_int_equal(get("/v1/models"), 401);
    assert_int_equal(get("/nothing"), 401);
    static const struct {
        const char *field;
        int status;
    } cases[] = {
        { "", 401 },
        { "Authorization: Bearer wrong\r\n", 401 },
        { "Authorization: Bearer \r\n", 401 },
        { "Authorization: Bearer firs\r\n", 401 },
        { "Authorization: first\r\n", 401 },
        { "Authorization: Bearer first\r\n", 200 },
        { "Authorization: bearer second\r\n", 200 },
        { "X-Api-Key: third\r\n", 200 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fetch(&raw, "POST", "/v1/completions", cases[i].field, body);
        assert_int_equal(status_of(&raw), cases[i].status);
    }
    buf_free(&raw);
}

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
        CASE("tokens put together are the text, and cut no character", tokens),
        CASE("a stream repeats the last user message byte for byte", repeats),
        CASE("a whole answer has content, usage and finish_reason", whole_answers),
        CASE("a tool is called where its name is said, or has to be", tools_are_called),
        CASE("JSON fits its schema, thinking comes first", json_and_thinking),
        CASE("embeddings depend on the text alone", embeddings),
        CASE("max_tokens ends the answer with finish_reason length", max_tokens),
        CASE("bad requests are answered with errors of OpenAI's shape", errors),
        CASE("a wrong or missing key is 401 everywhere but for /health", keys),
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
