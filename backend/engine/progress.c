/* SPDX-License-Identifier: MIT */
/* Reads the logs of engines for how far their start is. Called by job_watch.c with what it follows anyway. What the
 * engines print is no interface, so that a line that is not understood means nothing, and a wrong guess costs nothing
 * but a word in `status`.
 *
 * Captured lines: tests/data/progress-*.txt. */
#include "backend/engine/progress.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of several that fit a line the first counts. */
static const struct pattern {
    const char *engine;
    const char *find; /* stands somewhere in the line */
    const char *text; /* what it does from then on; "" = its start is over */
    bool percent;     /* a number and % stand behind it */
} patterns[] = {
    /* vLLM 0.6 to 0.11: tqdm's bars and its own log; with several processes "(Worker_TP0 pid=1) " before them. */
    { "vllm", "checkpoint shards:", "loading weights", true },
    { "vllm", "Capturing CUDA graph", "capturing graphs", true },
    { "vllm", "Capturing cudagraphs", "capturing graphs", false },
    { "vllm", "Initializing a", "starting the engine", false },
    { "vllm", "Using model weights format", "fetching weights", false },
    { "vllm", "Starting to load model", "loading weights", false },
    { "vllm", "Loading weights took", "weights are loaded", false },
    { "vllm", "torch.compile", "compiling", false },
    { "vllm", "Compiling a graph", "compiling", false },
    { "vllm", "Available KV cache memory", "making room for the cache", false },
    { "vllm", "Graph capturing finished", "graphs are captured", false },
    { "vllm", "Starting vLLM API server", "starting the server", false },
    { "vllm", "Application startup complete", "", false },
    /* llama-server b4748; its dots are counted in dots(). b10587 prints less, the name of the file first, and no dots. */
    { "llamacpp", "downloading from", "downloading the model", false },
    { "llamacpp", "loading model tensors", "loading weights", false },
    { "llamacpp", "load_model: loading model '", "loading weights", false },
    { "llamacpp", "load_model: initializing", "making room for the cache", false },
    { "llamacpp", "warming up the model", "warming up", false },
    { "llamacpp", ": model loaded", "", false },
};

static bool set(struct progress *p, double value, const char *text)
{
    bool news = p->value != value || strcmp(p->text, text) != 0;

    p->value = value;
    snprintf(p->text, sizeof p->text, "%s", text);
    return news;
}

/* The number before the first % in s, as 0 to 1; -1 if there is none. */
static double percent(const char *s)
{
    const char *end = strchr(s, '%'), *begin = end;
    double n;

    while (begin && begin > s && (isdigit((unsigned char)begin[-1]) || begin[-1] == '.'))
        begin--;
    if (!end || begin == end)
        return -1;
    n = strtod(begin, NULL);
    return n >= 0 && n <= 100 ? n / 100 : -1;
}

/* llama.cpp prints a dot for each hundredth of the weights, and nothing else in that line. */
static double dots(const char *line)
{
    size_t n = strspn(line, ".");

    return n >= 2 && !line[n] && n <= 101 ? (double)(n < 100 ? n : 100) / 100 : -1;
}

static bool is_of(const char *row, const char *engine)
{
    return !strcmp(row, engine) || !strcmp(engine, "command");
}

bool progress_of_line(const char *engine, const char *line, struct progress *p)
{
    if (is_of("llamacpp", engine) && dots(line) >= 0)
        return set(p, dots(line), "loading weights");
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        const struct pattern *row = &patterns[i];
        const char *at = is_of(row->engine, engine) ? strstr(line, row->find) : NULL;

        if (at)
            return set(p, row->percent ? percent(at + strlen(row->find)) : -1, row->text);
    }
    return false;
}

bool progress_feed(const char *engine, struct progress_line *line, const char *data, size_t len,
                   struct progress *p)
{
    bool news = false;

    for (size_t i = 0; i < len; i++) {
        char c = data[i];

        if (c == '\n' || c == '\r') {
            line->text[line->len] = '\0';
            news |= progress_of_line(engine, line->text, p);
            line->len = 0;
        } else if (line->len < sizeof line->text - 1 && c) {
            line->text[line->len++] = c;
        }
    }
    /* A bar that is still being drawn tells as much as a whole one. */
    line->text[line->len] = '\0';
    return progress_of_line(engine, line->text, p) || news;
}
