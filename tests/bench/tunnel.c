/* SPDX-License-Identifier: MIT */
/* What a tunnel of ours costs beside one of `ssh -L` with the same cipher: the time until it is open, until an
 * echo came back, and the bytes a second either way.
 *
 *   bench-tunnel serve FILE                             writes its port into FILE and serves for ever
 *   bench-tunnel measure CONFIG DIR PORT LOCAL N MIB    CONFIG is for ssh -F and has the host `box`; DIR is for the
 *       control socket; LOCAL is the port on which `ssh -L` leads to PORT; N tunnels each, then MIB each way
 *
 * The server answers by the first byte: 'e' brings one back, after 'd' it sends until nobody reads, after 'u' it takes
 * as many bytes as the number (8 bytes, ours) after it says, and then sends one. */
#include "bench.h"
#include "backend/transport/transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK     65536
#define SETTLE_MS 60u
#define TURNS     5 /* of each, in turn; the best one counts, because others use the machine */

/* ---- The far end. */

static void read_all(int fd, void *p, size_t n)
{
    for (char *at = p; n > 0;) {
        ssize_t got = read(fd, at, n);
        if (got <= 0)
            die("the stream ended early");
        at += got;
        n -= (size_t)got;
    }
}

static const char zeros[CHUNK];

/* False at the end of the stream, which is no failure here. */
static bool send_zeros(int fd, size_t n)
{
    return write(fd, zeros, n) > 0;
}

static bool take(int fd, uint64_t n)
{
    char sink[CHUNK];
    ssize_t got;

    for (; n > 0; n -= (uint64_t)got)
        if ((got = read(fd, sink, sizeof sink)) <= 0)
            return false;
    return true;
}

static void *serve_one(void *arg)
{
    int fd = (int)(intptr_t)arg;
    bool more = true;
    uint64_t n;
    char verb;

    if (read(fd, &verb, 1) != 1)
        verb = 0;
    if (verb == 'e')
        send_zeros(fd, 1);
    else if (verb == 'u' && read(fd, &n, sizeof n) == sizeof n && take(fd, n))
        send_zeros(fd, 1);
    while (verb == 'd' && more)
        more = send_zeros(fd, sizeof zeros);
    close(fd);
    return NULL;
}

static void serve(const char *file)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pthread_t thread;
    FILE *f;

    if (bind(fd, (struct sockaddr *)&at, size) < 0 || listen(fd, 100) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) < 0)
        die("no port");
    f = fopen(file, "we");
    if (!f || fprintf(f, "%d\n", ntohs(at.sin_port)) < 0 || fclose(f) != 0)
        die("%s", file);
    for (;;) {
        int one = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        if (one < 0 || pthread_create(&thread, NULL, serve_one, (void *)(intptr_t)one) != 0)
            die("a connection");
        pthread_detach(thread);
    }
}

/* ---- Two ways there. */

struct way {
    const char *name;
    int (*open)(struct way *w); /* a blocking descriptor */
    int port;
    uv_loop_t loop;
    struct transport *t;
    int fd;
    bool done;
};

static void dialled_cb(void *arg, int fd, const char *err)
{
    struct way *w = arg;

    if (fd < 0) {
        errno = 0;
        die("no tunnel: %s", err);
    }
    w->fd = fd;
    w->done = true;
}

static int open_ours(struct way *w)
{
    w->done = false;
    transport_dial(w->t, "127.0.0.1", w->port, 30000, dialled_cb, w);
    while (!w->done)
        uv_run(&w->loop, UV_RUN_ONCE);
    fcntl(w->fd, F_SETFL, fcntl(w->fd, F_GETFL) & ~O_NONBLOCK);
    return w->fd;
}

static int open_theirs(struct way *w)
{
    struct engine local = { .host = "127.0.0.1", .port = w->port };

    return engine_connect(&local);
}

static void shut(struct way *w, int fd)
{
    close(fd);
    if (w->t)
        uv_run(&w->loop, UV_RUN_NOWAIT);
}

/* Sshd holds a small packet back until the one before it is acknowledged, which the kernel does after 40 ms: the
 * words about the end of the last stream are not to delay the next one. */
static void settle(struct way *w)
{
    uint64_t end = now_ns() + SETTLE_MS * 1000000;

    while (now_ns() < end) {
        if (w->t)
            uv_run(&w->loop, UV_RUN_NOWAIT);
        sleep_us(1000);
    }
}

static void measure_opening(struct way *w, size_t n)
{
    double *open_ms = calloc(n, sizeof *open_ms), *echo_ms = calloc(n, sizeof *echo_ms);

    for (size_t i = 0; i < n; i++) {
        uint64_t begin = now_ns();
        int fd = w->open(w);
        char c = 'e';
        open_ms[i] = (double)(now_ns() - begin) / 1e6;
        if (write(fd, &c, 1) != 1)
            die("no echo");
        read_all(fd, &c, 1);
        echo_ms[i] = (double)(now_ns() - begin) / 1e6;
        shut(w, fd);
        settle(w);
    }
    printf("%-8s open  median %6.2f ms  p95 %6.2f    to the first echo  median %6.2f ms  p95 %6.2f\n",
           w->name, percentile(open_ms, n, 0.5), percentile(open_ms, n, 0.95), percentile(echo_ms, n, 0.5),
           percentile(echo_ms, n, 0.95));
    free(open_ms);
    free(echo_ms);
}

static double mib_per_s(struct way *w, char verb, uint64_t mib)
{
    static char chunk[CHUNK];
    uint64_t n = mib << 20;
    int fd = w->open(w);
    char head[9] = { verb };

    memcpy(head + 1, &n, sizeof n);
    if (write(fd, head, verb == 'u' ? 9 : 1) < 0)
        die("the stream takes nothing");
    uint64_t begin = now_ns();
    if (verb == 'd') {
        for (uint64_t got = 0; got < n;) {
            ssize_t r = read(fd, chunk, sizeof chunk);
            if (r <= 0)
                die("the stream ended early");
            got += (uint64_t)r;
        }
    } else {
        for (uint64_t put = 0; put < n;) {
            ssize_t r = write(fd, chunk, sizeof chunk < n - put ? sizeof chunk : n - put);
            if (r <= 0)
                die("the stream takes no more");
            put += (uint64_t)r;
        }
        read_all(fd, head, 1);
    }
    double seconds = (double)(now_ns() - begin) / 1e9;
    shut(w, fd);
    return (double)mib / seconds;
}

static void measure_throughput(struct way *ours, struct way *theirs, uint64_t mib)
{
    for (const char *verb = "du"; *verb; verb++) {
        double a = 0, b = 0;
        for (int i = 0; i < TURNS; i++) {
            double x = mib_per_s(ours, *verb, mib), y = mib_per_s(theirs, *verb, mib);
            a = x > a ? x : a;
            b = y > b ? y : b;
        }
        printf("%-4s  ours %6.0f MiB/s   ssh -L %6.0f MiB/s   ratio %.2f\n", *verb == 'd' ? "down" : "up", a,
               b, a / b);
    }
}

static void measure(char **argv)
{
    struct cluster_config cluster = {
        .name = "bench", .host = "box", .ssh_config = argv[0], .transport = "openssh", .tunnel = "login"
    };
    struct way ours = { .name = "ours", .open = open_ours, .port = atoi(argv[2]) },
               theirs = { .name = "ssh -L", .open = open_theirs, .port = atoi(argv[3]) };
    struct transport_params p = { .loop = &ours.loop, .cluster = &cluster, .runtime_dir = argv[1] };
    struct err e;

    uv_loop_init(&ours.loop);
    if (transport_create(&ours.t, &p, &e) < 0)
        die("%s", e.text);
    uint64_t begin = now_ns();
    shut(&ours, open_ours(&ours));
    printf("the first one, with the login: %.0f ms\n", (double)(now_ns() - begin) / 1e6);
    measure_opening(&ours, (size_t)atoi(argv[4]));
    measure_opening(&theirs, (size_t)atoi(argv[4]));
    measure_throughput(&ours, &theirs, (uint64_t)atoi(argv[5]));
    transport_destroy(ours.t);
    uv_run(&ours.loop, UV_RUN_DEFAULT);
    uv_loop_close(&ours.loop);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 3 && strcmp(argv[1], "serve") == 0)
        serve(argv[2]);
    else if (argc == 8 && strcmp(argv[1], "measure") == 0)
        measure(argv + 2);
    else
        die("see the head of tunnel.c");
    return 0;
}
