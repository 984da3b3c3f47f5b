/* SPDX-License-Identifier: MIT */
/* One ssh process at a time, and what is known of it.
 *
 * OFF       nothing runs; a need starts the next attempt, but not before not_before
 * PROBING   asks a master that was left behind whether it is alive          way out: PROBE_MS
 * ASKING    `ssh -G` says whether the user has a master of his own          way out: ssh_query.c's limit
 * BORROWING asks that one whether it is alive; it is used, never ended      way out: PROBE_MS
 * STARTING  our child logs in; its control socket is tried again and again  way out: its exit, LOGIN_MS
 *           While it asks the user something, only the answer is waited for  way out: answer_ms
 * UP        it answers; `watch` is a mux connection whose end is the end of the link
 * ENDING    it was told to go; the next one waits for its exit              way out: proc.c kills it
 * PAUSING   somebody needs it; the timer starts the next attempt
 *
 * That a socket exists means that the login is complete: ssh makes it after authentication (OpenSSH 9.2,
 * ssh.c, ssh_session2). */
#include "backend/transport/ssh_master.h"
#include "backend/transport/askpass.h"
#include "backend/transport/control_path.h"
#include "backend/transport/mux.h"
#include "backend/transport/proc.h"
#include "backend/transport/ssh_explain.h"
#include "backend/transport/ssh_pause.h"
#include "backend/transport/ssh_query.h"
#include "backend/transport/ssh_said.h"
#include "backend/transport/ssh_start.h"
#include "backend/transport/transport_private.h"
#include "backend/base/alloc.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS   40     /* between two looks for the control socket; a login takes some hundreds */
#define LOGIN_MS  60000  /* ConnectTimeout, and a slow machine's shell and directory service */
#define ANSWER_MS 300000 /* a person who has to fetch a telephone; then nobody is there */
#define GRACE_MS  90000  /* an answer that took longer may come too late: sshd's LoginGraceTime is 120 s */
#define PROBE_MS  3000   /* a master answers in less than one millisecond, or it is stopped */

enum state { OFF, PROBING, ASKING, BORROWING, STARTING, UP, ENDING, PAUSING };

struct ssh_master {
    uv_loop_t *loop;
    const struct cluster_config *cluster;
    char *runtime_dir;
    struct transport *via; /* NULL, or what leads to the host */
    char *program;         /* NULL: nobody is asked */
    uint64_t answer_ms;    /* how long a question waits */
    const struct ssh_master_events *events;
    void *arg;

    enum state state;
    struct control_dir dir;
    char *path;              /* of the control socket; NULL unless PROBING, BORROWING, STARTING, UP */
    bool borrowed;           /* it is that of the user's own master */
    bool forks;              /* his configuration says ForkAfterAuthentication */
    struct ssh_query *query; /* ASKING */
    struct proc *child;      /* NULL: none, or one that was taken over */
    pid_t adopted;           /* one that was taken over; 0: none */
    struct askpass *askpass; /* STARTING, unless nobody is asked */
    uint64_t asked_at;       /* mono_ms(); 0: nothing is asked */
    bool late;               /* an answer of this attempt took longer than GRACE_MS */
    struct mux *watch;
    struct timer *timer; /* what each state waits for */
    uint64_t deadline;   /* STARTING: mono_ms() */
    uint64_t up_since;   /* UP */
    struct ssh_tries tries;
    struct ssh_said said;
};

/* ---- The end of an attempt or of the link. */

static void next(struct ssh_master *m);

static void close_watch(struct ssh_master *m)
{
    mux_close(m->watch);
    m->watch = NULL;
}

/* Nothing on disk may be left, whether ssh removes its socket itself or was killed. */
static void drop_path(struct ssh_master *m)
{
    if (m->path && !m->borrowed)
        unlink(m->path);
    free(m->path);
    m->path = NULL;
    m->borrowed = false;
}

static void stop_asking(struct ssh_master *m)
{
    askpass_close(m->askpass);
    m->askpass = NULL;
    m->asked_at = 0;
}

static void end_process(struct ssh_master *m)
{
    ssh_query_cancel(m->query);
    m->query = NULL;
    stop_asking(m);
    close_watch(m);
    timer_stop(m->timer);
    drop_path(m);
    if (m->adopted > 0)
        kill(m->adopted, SIGTERM);
    m->adopted = 0;
    m->state = m->child ? ENDING : OFF;
    if (m->child)
        proc_terminate(m->child);
}

/* The attempt failed, or the link was lost; m->tries.last says why. */
static void fail(struct ssh_master *m)
{
    ssh_tries_failed(&m->tries, m->state == UP ? m->up_since : 0);
    end_process(m);
    m->events->down(m->arg, m->tries.last.rc, m->tries.last.final, m->tries.last.why.text);
    if (m->state == OFF)
        next(m);
}

static void fail_with(struct ssh_master *m, int rc, bool final, const char *text)
{
    m->tries.last.rc = rc;
    m->tries.last.final = final;
    err_set(&m->tries.last.why, rc, "%s: %s", m->cluster->host, text);
    fail(m);
}

static void fail_as_said(struct ssh_master *m, const char *what)
{
    ssh_explain(m->cluster, ssh_said_text(&m->said), what, &m->tries.last);
    if (m->state == UP)
        m->tries.last.final = false; /* it did work a moment ago */
    else if (m->late && !m->tries.last.final)
        err_set(&m->tries.last.why, m->tries.last.rc,
                "%s: the answer may have come too late (sshd's LoginGraceTime); the question comes again",
                m->cluster->host);
    fail(m);
}

static void child_exit_cb(void *arg, int status, int signal)
{
    struct ssh_master *m = arg;
    bool expected = m->state == ENDING;

    (void)status;
    (void)signal;
    proc_forget(m->child);
    m->child = NULL;
    ssh_said_stop(&m->said);
    if (expected) {
        m->state = OFF;
        next(m);
    } else {
        fail_as_said(m, m->state == UP ? "the connection" : "the login");
    }
}

/* ---- Attempts. */

static void spawn(struct ssh_master *m);
static void look(struct ssh_master *m);
static void ask_for_users(struct ssh_master *m);

static void is_up(struct ssh_master *m)
{
    stop_asking(m);
    timer_stop(m->timer);
    m->state = UP;
    m->up_since = mono_ms();
    ssh_said_reset(&m->said); /* banners and warnings of the login explain nothing that comes later */
    m->events->up(m->arg);
}

static void probe_next(struct ssh_master *m);

static void watch_cb(void *arg, const struct mux_event *ev)
{
    struct ssh_master *m = arg;

    if (ev->kind == MUX_ALIVE && (m->state == STARTING || m->state == BORROWING)) {
        is_up(m);
    } else if (ev->kind == MUX_ALIVE && m->state == PROBING) {
        m->adopted = ev->pid;
        is_up(m);
    } else if (ev->kind == MUX_CLOSED && m->state == UP) {
        fail_as_said(m, "the connection");
    } else if (ev->kind == MUX_CLOSED && m->state == PROBING) {
        close_watch(m);
        drop_path(m);
        probe_next(m);
    } else if (ev->kind == MUX_CLOSED && m->state == BORROWING) {
        close_watch(m);
        drop_path(m);
        spawn(m);
    } else if (ev->kind == MUX_CLOSED) {
        close_watch(m); /* STARTING: no socket yet; the timer looks again */
    }
}

static void look(struct ssh_master *m)
{
    if (!m->watch) {
        m->watch = mux_open(m->loop, m->path, watch_cb, m);
        mux_alive(m->watch);
    }
    timer_start_ms(m->timer, LOOK_MS);
}

static void probe(struct ssh_master *m, enum state state)
{
    m->state = state;
    m->watch = mux_open(m->loop, m->path, watch_cb, m);
    mux_alive(m->watch);
    timer_start_ms(m->timer, PROBE_MS);
}

/* Masters left behind are asked one after the other; the first that answers is taken. Then the user's own is
 * looked for, and ssh is started where there is none. */
static void probe_next(struct ssh_master *m)
{
    m->path = control_path_adopt(&m->dir);
    if (m->path)
        probe(m, PROBING);
    else
        ask_for_users(m);
}

/* mux.c talks to nobody but our own user. */
static void settings_cb(void *arg, const char *settings)
{
    struct ssh_master *m = arg;

    m->query = NULL;
    m->path = settings ? ssh_setting(settings, "controlpath", 0) : NULL;
    m->borrowed = m->path != NULL;
    char *forks = settings ? ssh_setting(settings, "forkafterauthentication", 0) : NULL;
    m->forks = forks && strcmp(forks, "yes") == 0;
    free(forks);
    if (m->path)
        probe(m, BORROWING);
    else
        spawn(m);
}

static void ask_for_users(struct ssh_master *m)
{
    m->state = ASKING;
    m->query = ssh_query_start(m->loop, m->cluster, settings_cb, m);
    if (!m->query)
        spawn(m);
}

static void begin(struct ssh_master *m)
{
    struct err e;

    ssh_said_reset(&m->said);
    m->events->connecting(m->arg, m->tries.last.rc, m->tries.last.why.text);
    if (control_dir_find(&m->dir, m->runtime_dir, &e) < 0)
        fail_with(m, -EHOSTUNREACH, false, e.text);
    else
        probe_next(m);
}

static void asked_cb(void *arg)
{
    struct ssh_master *m = arg;
    bool answerable;
    const char *prompt = askpass_prompt(m->askpass, &answerable);

    if (prompt) {
        m->asked_at = mono_ms();
        timer_start_ms(m->timer, m->answer_ms);
        m->events->asking(m->arg, prompt, answerable);
    } else {
        m->late |= mono_ms() - m->asked_at > GRACE_MS;
        m->asked_at = 0;
        m->deadline = mono_ms() + LOGIN_MS;
        timer_start_ms(m->timer, LOOK_MS);
        m->events->connecting(m->arg, 0, "");
    }
}

static void nobody_answers(struct ssh_master *m)
{
    bool answerable;
    struct err e;

    err_set(&e, 0, "nobody answered \"%s\" within %g s; it is asked again when %s is needed again",
            askpass_prompt(m->askpass, &answerable), (double)m->answer_ms / 1000, m->cluster->host);
    fail_with(m, -EKEYREJECTED, true, e.text);
}

int ssh_master_answer(struct ssh_master *m, const char *answer, size_t len, struct err *e)
{
    if (!m->asked_at)
        return err_set(e, -EINVAL, "%s asks nothing", m->cluster->host);
    return askpass_answer(m->askpass, answer, len, e);
}

/* Where questions cannot be asked, a login that needs none still works. */
static int spawn_ssh(struct ssh_master *m, int out, struct err *e)
{
    char *path = xasprintf("%s.ask", m->path);
    struct ssh_start s = { .cluster = m->cluster, .control_path = m->path, .out = out };

    m->late = false;
    if (m->program && askpass_open(&m->askpass, m->loop, path, asked_cb, m, e) == 0) {
        s.askpass = m->program;
        s.askpass_environment = askpass_environment(m->askpass);
    }
    s.via = m->via;
    s.forks = m->forks;
    free(path);
    return ssh_start_master(&m->child, m->loop, &s, child_exit_cb, m, e);
}

static void spawn(struct ssh_master *m)
{
    struct err e;
    int out = ssh_said_listen(&m->said, m->loop);

    if (out < 0) {
        fail_with(m, -EHOSTUNREACH, false, "no descriptors to start ssh with");
        return;
    }
    m->path = control_path_new(&m->dir);
    int rc = spawn_ssh(m, out, &e);
    close(out);
    if (rc < 0) {
        ssh_said_stop(&m->said);
        fail_with(m, -EHOSTUNREACH, rc == -ENOENT, e.text);
        return;
    }
    m->state = STARTING;
    m->deadline = mono_ms() + LOGIN_MS;
    timer_start_ms(m->timer, LOOK_MS);
}

/* OFF: is there something to do? */
static void next(struct ssh_master *m)
{
    uint64_t now = mono_ms();

    if (m->tries.last.final || !m->events->needed(m->arg)) /* one that failed for good waits for a new need */
        return;
    if (now >= m->tries.not_before) {
        begin(m);
        return;
    }
    m->state = PAUSING;
    timer_start_ms(m->timer, m->tries.not_before - now);
}

static void timer_cb(void *arg)
{
    struct ssh_master *m = arg;

    switch (m->state) {
    case PROBING: /* it is stopped, or worse: nobody can use it any more */
        close_watch(m);
        drop_path(m);
        probe_next(m);
        break;
    case BORROWING:
        close_watch(m);
        drop_path(m);
        spawn(m);
        break;
    case STARTING:
        if (m->asked_at)
            nobody_answers(m);
        else if (mono_ms() < m->deadline)
            look(m);
        else
            fail_as_said(m, "the login, after 60 s,");
        break;
    case PAUSING:
        m->state = OFF;
        next(m);
        if (m->state == OFF)
            m->events->down(m->arg, m->tries.last.rc, false, m->tries.last.why.text);
        break;
    case OFF:
    case ASKING:
    case UP:
    case ENDING:
        break;
    }
}

void ssh_master_want(struct ssh_master *m)
{
    if (m->state != OFF && m->state != PAUSING && m->state != ENDING)
        return;
    if (m->tries.last.final && mono_ms() < m->tries.not_before) {
        m->events->down(m->arg, m->tries.last.rc, true, m->tries.last.why.text);
        return;
    }
    m->tries.last.final = false;
    if (m->state == ENDING)
        return; /* its exit asks again whether it is needed */
    m->state = OFF;
    timer_stop(m->timer);
    next(m);
    if (m->state == PAUSING)
        m->events->connecting(m->arg, m->tries.last.rc, m->tries.last.why.text);
}

const char *ssh_master_path(const struct ssh_master *m)
{
    return m->path;
}

char *ssh_master_take_open_failure(struct ssh_master *m)
{
    return ssh_said_take_open_failure(&m->said);
}

struct ssh_master *ssh_master_create(const struct transport_params *p, const struct ssh_master_events *events,
                                     void *arg)
{
    struct ssh_master *m = NEW(struct ssh_master);

    m->loop = p->loop;
    m->cluster = p->cluster;
    m->runtime_dir = xstrdup(p->runtime_dir);
    m->program = xstrdup(p->program);
    m->via = p->via;
    m->answer_ms = p->answer_ms ? p->answer_ms : ANSWER_MS;
    m->events = events;
    m->arg = arg;
    m->timer = timer_create_on(p->loop, timer_cb, m);
    control_dir_init(&m->dir, p->runtime_dir, p->cluster);
    return m;
}

void ssh_master_destroy(struct ssh_master *m)
{
    if (!m)
        return;
    end_process(m);
    proc_forget(m->child);
    ssh_said_finish(&m->said);
    control_dir_finish(&m->dir);
    timer_destroy(m->timer);
    free(m->runtime_dir);
    free(m->program);
    free(m);
}
