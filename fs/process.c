/* SPDX-License-Identifier: MIT */
#include "fs/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define DESCRIPTORS_MAX 65536

/* libuv and libfuse do not expect 0, 1 and 2 to be free: a socket that took one of them would get our
 * messages. */
static void fill_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= 2);
    if (fd > 2)
        close(fd);
}

/* Each stream through ssh takes three descriptors of ours; the usual soft limit of 1024 is for programs
 * that use select(2). */
static void raise_descriptor_limit(void)
{
    struct rlimit l;

    if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
        l.rlim_cur = l.rlim_max < DESCRIPTORS_MAX ? l.rlim_max : DESCRIPTORS_MAX;
        setrlimit(RLIMIT_NOFILE, &l);
    }
}

/* A core would hold the keys of the engines and what was asked of them. Who needs one may raise the limit. */
static void forbid_core_dumps(void)
{
    struct rlimit l;

    if (getrlimit(RLIMIT_CORE, &l) == 0) {
        l.rlim_cur = 0;
        setrlimit(RLIMIT_CORE, &l);
    }
}

void process_prepare(void)
{
    fill_standard_descriptors();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit of file sizes is a full disk to the store, and no reason to end */
    umask(077);
    raise_descriptor_limit();
    forbid_core_dumps();
}

/* ---- Signals */

static const int signums[] = { SIGTERM, SIGINT, SIGHUP };

static void signal_cb(uv_signal_t *handle, int signum)
{
    struct process_signals *s = handle->data;

    if (signum == SIGHUP && s->hang_up)
        s->hang_up(s->arg);
    else
        s->end(s->arg, signum);
}

void process_signals_watch(struct process_signals *s, uv_loop_t *loop)
{
    for (size_t i = 0; i < sizeof signums / sizeof signums[0]; i++) {
        uv_signal_init(loop, &s->handles[i]);
        s->handles[i].data = s;
        uv_signal_start(&s->handles[i], signal_cb, signums[i]);
        uv_unref((uv_handle_t *)&s->handles[i]);
    }
}

void process_signals_close(struct process_signals *s)
{
    for (size_t i = 0; i < sizeof signums / sizeof signums[0]; i++)
        uv_close((uv_handle_t *)&s->handles[i], NULL);
}
