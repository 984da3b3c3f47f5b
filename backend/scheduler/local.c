/* SPDX-License-Identifier: MIT */
/* Kind "local": the same job script as on a cluster, run by bash on this machine without a scheduler. A job
 * is a session; its id is the pid of its shell. Jobs run at once and know no limits.
 *
 * The script is handed over as a file in memory, so that the secret in it is never on a disk and cannot be
 * lost while bash still reads. As under Slurm, cancelling sends TERM to the script's shell alone and KILL to
 * all of the session 5 s later, and a job is over when its shell is: what it leaves of its session is killed.
 *
 * Jobs outlive the scheduler and the daemon. The next one finds those that run (local_find_linux.h) and knows
 * nothing of those that have ended; how one ends that is not its child is told by the script alone. */
#include "backend/scheduler/child.h"
#include "backend/scheduler/kinds.h"
#include "backend/scheduler/local_find_linux.h"
#include "backend/scheduler/replies.h"
#include "backend/base/alloc.h"
#include "backend/base/list.h"
#include "backend/base/timer.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NODE         "localhost"   /* what ${SLURMD_NODENAME:-$(hostname)} gives in the script */
#define KILL_WAIT_MS 5000          /* between TERM and KILL; the script ends its engine in that time */
#define KEEP_MS      (3600 * 1000) /* an ended job is listed as long as the tree shows it */
#define SCRIPT_FD    3

struct local {
    struct scheduler base;
    uv_loop_t *loop;
    struct replies *replies;
    char *home_dir;
    struct list jobs;
    sched_query_f query_cb; /* of the query under way */
    void *query_arg;
};

struct local_job {
    struct list link;
    char id[16];
    char *name;
    struct child *child; /* NULL once it ended, or where it is not ours */
    int pidfd;           /* of one that is not ours; -1 else, and once it ended */
    struct timer *kill_timer;
    int log_fd; /* what the script itself says, an unlinked file; -1 once it ended */
    bool cancelled;
    int exit_status; /* -1 until it ended */
    char *reason;    /* the log's last line where it failed */
    uint64_t started_ms, ended_ms;
};

static void job_free(struct local_job *j)
{
    list_remove(&j->link);
    child_release(j->child);
    timer_destroy(j->kill_timer);
    if (j->log_fd >= 0)
        close(j->log_fd);
    if (j->pidfd >= 0)
        close(j->pidfd);
    free(j->name);
    free(j->reason);
    free(j);
}

static bool is_live(const struct local_job *j)
{
    return j->child || j->pidfd >= 0;
}

static void found_cb(void *arg, const struct found_job *f)
{
    struct local *l = arg;
    struct local_job *j = NEW(struct local_job);

    snprintf(j->id, sizeof(j->id), "%ld", (long)f->pid);
    j->name = xstrdup(f->name);
    j->pidfd = f->pidfd;
    j->log_fd = j->exit_status = -1;
    j->started_ms = mono_ms() - f->elapsed_ms;
    list_append(&l->jobs, &j->link);
}

static int local_create(struct scheduler **out, const struct scheduler_params *p, struct err *e)
{
    struct local *l = NEW(struct local);

    (void)e;
    l->base.ops = &local_scheduler;
    l->loop = p->loop;
    l->replies = replies_create(p->loop);
    l->home_dir = xstrdup(p->home_dir);
    list_init(&l->jobs);
    local_find(p->prefix, found_cb, l);
    *out = &l->base;
    return 0;
}

static void local_destroy(struct scheduler *s)
{
    struct local *l = (struct local *)s;

    list_for_each(j, &l->jobs, struct local_job, link)
    {
        job_free(j);
    }
    replies_destroy(l->replies);
    free(l->home_dir);
    free(l);
}

static struct local_job *job_find(struct local *l, const char *id)
{
    list_for_each(j, &l->jobs, struct local_job, link)
    {
        if (strcmp(j->id, id) == 0)
            return j;
    }
    return NULL;
}

/* ---- Starting */

static int write_all(int fd, const char *s, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, s, len);
        if (n < 0)
            return -errno;
        s += n;
        len -= (size_t)n;
    }
    return 0;
}

/* The words before the script share its first line, which is "#!/bin/bash", so that bash's line numbers stay
 * right. They close the descriptor that bash was given the script by (it reads through one of its own) and
 * tell the id, which is not known before there is a process. */
static int script_in_memory(const char *script, struct err *e)
{
    static const char prologue[] = "exec 3<&-; export SLURM_JOB_ID=$$ SLURM_JOBID=$$; ";
    int fd = memfd_create("job-script", MFD_CLOEXEC);
    int rc = fd < 0 ? -errno : write_all(fd, prologue, sizeof(prologue) - 1);

    if (rc == 0)
        rc = write_all(fd, script, strlen(script));
    if (rc < 0) {
        if (fd >= 0)
            close(fd);
        return err_set(e, rc, "cannot hold a job script in memory: %s", strerror(-rc));
    }
    return fd;
}

static int open_log(const char *dir, struct err *e)
{
    char *path = xasprintf("%s/job-log-XXXXXX", dir);
    int fd = mkostemp(path, O_CLOEXEC), rc = fd < 0 ? -errno : 0;

    if (fd >= 0)
        unlink(path);
    else
        err_set(e, rc, "cannot make a file in %s: %s", dir, strerror(-rc));
    free(path);
    return fd >= 0 ? fd : rc;
}

/* The last line of what the script said, for people; NULL where it said nothing. */
static char *last_words(int fd)
{
    char text[512];
    off_t size = lseek(fd, 0, SEEK_END);
    off_t from = size > (off_t)sizeof(text) - 1 ? size - ((off_t)sizeof(text) - 1) : 0;
    ssize_t n = size > 0 ? pread(fd, text, sizeof(text) - 1, from) : 0;

    while (n > 0 && (unsigned char)text[n - 1] <= ' ')
        n--;
    if (n <= 0)
        return NULL;
    text[n] = '\0';
    char *nl = strrchr(text, '\n');
    char *line = nl ? nl + 1 : text;
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    return xstrdup(line);
}

static void exited_cb(void *arg, int status)
{
    struct local_job *j = arg;

    child_kill_session(j->child);
    child_release(j->child);
    j->child = NULL;
    timer_stop(j->kill_timer);
    j->exit_status = status;
    j->ended_ms = mono_ms();
    if (status != 0 && !j->cancelled)
        j->reason = last_words(j->log_fd);
    close(j->log_fd);
    j->log_fd = -1;
}

/* A machine may be a node of a real cluster, where scontrol in the script would take our pid for a job of
 * that number and write to a stranger's Comment. SLURM_CONF=/dev/null makes every program of Slurm fail
 * instead. */
static int start_shell(struct local *l, const struct job_spec *spec, struct local_job *j, int script,
                       struct err *e)
{
    static const char *const without[] = { "SLURM", "SBATCH_", "SRUN_", NULL };
    static const char *const argv[] = { "bash", "/dev/fd/3", NULL };
    char *name = xasprintf("SLURM_JOB_NAME=%s", spec->name);
    char *dir = xasprintf("SLURM_SUBMIT_DIR=%s", l->home_dir);
    const char *with[] = {
        name, dir, "SLURM_CONF=/dev/null", "SLURMD_NODENAME=" NODE, "SLURM_JOB_NODELIST=" NODE, NULL
    };
    char **env = child_env(without, with);
    int fds[SCRIPT_FD + 1] = { -1, j->log_fd, j->log_fd, script };
    struct child_params p = { .loop = l->loop,
                              .argv = argv,
                              .env = env,
                              .cwd = l->home_dir,
                              .fds = fds,
                              .n_fds = SCRIPT_FD + 1,
                              .exited_cb = exited_cb,
                              .arg = j };
    int rc = child_start(&j->child, &p, e);

    free(env);
    free(name);
    free(dir);
    return rc;
}

static int start_job(struct local *l, const struct job_spec *spec, struct local_job **out, struct err *e)
{
    struct local_job *j = NEW(struct local_job);
    int script = -1, rc;

    j->exit_status = j->pidfd = -1;
    j->name = xstrdup(spec->name);
    j->log_fd = rc = open_log(l->home_dir, e);
    if (rc >= 0)
        script = rc = script_in_memory(spec->script, e);
    if (rc >= 0)
        rc = start_shell(l, spec, j, script, e);
    if (script >= 0)
        close(script);
    if (rc < 0) {
        job_free(j);
        return rc;
    }
    snprintf(j->id, sizeof(j->id), "%ld", (long)child_pid(j->child));
    struct local_job *former = job_find(l, j->id); /* pids come round again */
    if (former)
        job_free(former);
    j->started_ms = mono_ms();
    list_append(&l->jobs, &j->link);
    *out = j;
    return 0;
}

static void local_submit(struct scheduler *s, const struct job_spec *spec, sched_submit_f cb, void *arg)
{
    struct local *l = (struct local *)s;
    struct local_job *j = NULL;
    struct err e = { "" };
    int rc = start_job(l, spec, &j, &e);

    reply_submit(l->replies, cb, arg, rc, j ? j->id : "", e.text);
}

/* ---- Looking */

static struct job_info info_of(const struct local_job *j)
{
    bool over = !is_live(j);
    const char *word = !over                 ? (j->cancelled ? "COMPLETING" : "RUNNING")
                       : j->cancelled        ? "CANCELLED"
                       : j->exit_status == 0 ? "COMPLETED"
                                             : "FAILED";

    return (struct job_info){ .id = j->id,
                              .name = j->name,
                              .state = sched_state_parse(word),
                              .word = word,
                              .reason = j->reason ? j->reason : "",
                              .nodes = NODE,
                              .comment = "",
                              .left_s = -1,
                              .elapsed_s =
                                  (int64_t)(((over ? j->ended_ms : mono_ms()) - j->started_ms) / 1000),
                              .exit_status = j->exit_status };
}

/* One that is not our child is looked at; of its session the script's watcher takes care, since the number may
 * be somebody else's as soon as it has ended. */
static void look(struct local_job *j)
{
    if (j->pidfd < 0 || !pidfd_ended(j->pidfd))
        return;
    close(j->pidfd);
    j->pidfd = -1;
    j->ended_ms = mono_ms();
    if (!j->cancelled)
        j->reason = xstrdup("how it ended is not known: a former daemon had begun it");
    timer_stop(j->kill_timer);
}

static void answer_query(void *arg)
{
    struct local *l = arg;
    struct job_info *v = NULL;
    size_t n = 0;

    list_for_each(j, &l->jobs, struct local_job, link)
    {
        look(j);
        if (!is_live(j) && mono_ms() - j->ended_ms > KEEP_MS) {
            job_free(j);
            continue;
        }
        v = xrealloc(v, (n + 1) * sizeof(*v));
        v[n++] = info_of(j);
    }
    l->query_cb(l->query_arg, 0, v, n, "");
    free(v);
}

static void local_query(struct scheduler *s, sched_query_f cb, void *arg)
{
    struct local *l = (struct local *)s;

    l->query_cb = cb;
    l->query_arg = arg;
    reply_later(l->replies, answer_query, l);
}

/* ---- Ending */

static void kill_cb(void *arg)
{
    struct local_job *j = arg;

    if (j->child)
        child_kill_session(j->child);
    else if (j->pidfd >= 0 && !pidfd_ended(j->pidfd))
        session_kill((pid_t)atol(j->id));
}

static void job_signal(const struct local_job *j, int signal)
{
    if (j->child)
        child_signal(j->child, signal);
    else
        pidfd_signal(j->pidfd, signal);
}

static void job_end(struct local *l, struct local_job *j)
{
    look(j);
    if (!is_live(j) || j->cancelled)
        return;
    j->cancelled = true;
    job_signal(j, SIGTERM);
    job_signal(j, SIGCONT); /* a stopped shell would not see it */
    j->kill_timer = timer_create_on(l->loop, kill_cb, j);
    timer_start_ms(j->kill_timer, KILL_WAIT_MS);
}

static void local_cancel(struct scheduler *s, const char *const *ids, size_t n, sched_done_f cb, void *arg)
{
    struct local *l = (struct local *)s;
    struct err e = { "" };
    size_t known = 0;
    int rc = 0;

    for (size_t i = 0; i < n; i++) {
        struct local_job *j = job_find(l, ids[i]);
        if (j)
            job_end(l, j);
        known += j != NULL;
    }
    if (known == 0 && n > 0)
        rc = err_set(&e, -ENOENT, "no job %s runs on this machine, or was started since the daemon began",
                     ids[0]);
    reply_done(l->replies, cb, arg, rc, e.text);
}

const struct scheduler_ops local_scheduler = {
    .kind = "local",
    .create = local_create,
    .destroy = local_destroy,
    .submit = local_submit,
    .query = local_query,
    .cancel = local_cancel,
    .remote_nodes = false,
    .runs_script = true,
};
