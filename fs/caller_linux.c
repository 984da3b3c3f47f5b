/* SPDX-License-Identifier: MIT */
/* Reads /proc about the callers of the mount: their chain of parents, and whether one holds a file open
 * for writing. Linux alone has these files. Source: proc(5), /proc/pid/stat, /proc/pid/status,
 * /proc/pid/fdinfo. */
#include "fs/caller.h"
#include "backend/base/proc_stat_linux.h"
#include "backend/base/timer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A whole small file of /proc, NUL-terminated. Returns its length or a negative errno. */
static ssize_t slurp(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, out, size - 1);
    int saved = errno;
    close(fd);
    if (n < 0)
        return -saved;
    out[n] = '\0';
    return n;
}

/* ---- Processes that were just looked at. One question makes three walks, at the open of `ask` and at lookup
 * and open of `reply`, by the same process or by children of one shell, and each file of /proc costs 10 to 20
 * us. So for a moment, far too short for its number to come round again, a parent that is still there and has
 * begun no other session is taken to be what it was: the kernel tells that for a tenth of the time. The caller
 * itself is always read anew: a parent that ended counts at once. */

#define KNOWN    256 /* a power of two; each number has one place */
#define KNOWN_MS 100

struct known {
    struct ancestor a;
    pid_t parent;
    uint64_t until_ms;
};

static struct known known[KNOWN];

/* NULL where it is not known any more. */
static const struct known *recall(pid_t pid)
{
    const struct known *k = &known[pid & (KNOWN - 1)];

    return k->a.pid == pid && mono_ms() < k->until_ms && getsid(pid) == k->a.sid ? k : NULL;
}

/* ---- The chain */

/* pidfd_open(2) wants the first thread of a process, whose number is the process's own. It is far cheaper
 * than asking for the number; any failure leaves the question open. */
static bool is_process(pid_t tid)
{
    int fd = (int)syscall(SYS_pidfd_open, tid, 0);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* FUSE names the thread that called; its process is what has children. */
static pid_t process_of(pid_t tid)
{
    char path[64], text[2048];

    if (recall(tid) || is_process(tid))
        return tid;
    snprintf(path, sizeof path, "/proc/%d/status", (int)tid);
    if (slurp(path, text, sizeof text) < 0)
        return tid;
    const char *line = strstr(text, "\nTgid:");
    return line ? (pid_t)atoi(line + 6) : tid;
}

static int read_ancestor(pid_t pid, struct known *k)
{
    struct proc_stat st;
    int rc = proc_stat_read(pid, &st);

    if (rc < 0)
        return rc;
    k->a.pid = pid;
    k->a.sid = st.session;
    k->a.start = st.start;
    k->parent = st.parent;
    k->until_ms = mono_ms() + KNOWN_MS;
    return 0;
}

static int look_at(pid_t pid, bool anew, struct known *k)
{
    const struct known *old = anew ? NULL : recall(pid);

    if (old) {
        *k = *old;
        return 0;
    }
    int rc = read_ancestor(pid, k);
    if (rc == 0)
        known[pid & (KNOWN - 1)] = *k;
    return rc;
}

static bool is_our_lack(int rc)
{
    return rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM;
}

int ancestry_read(pid_t pid, struct ancestry *out)
{
    struct known k = { 0 };
    int rc = 0;

    out->n = 0;
    if (pid <= 0)
        return 0;
    pid = process_of(pid);
    while (pid > 0 && out->n < ANCESTRY_MAX && (rc = look_at(pid, out->n == 0, &k)) == 0) {
        out->chain[out->n++] = k.a;
        pid = k.parent;
    }
    return is_our_lack(rc) ? rc : 0;
}

/* ---- Rights */

void caller_rights(const struct caller *c, struct rights *out)
{
    char path[64], text[8192];
    unsigned uids[4];

    *out = (struct rights){ .uid = c->uid, .gid = c->gid };
    snprintf(path, sizeof path, "/proc/%d/status", (int)c->pid);
    if (c->pid <= 0 || slurp(path, text, sizeof text) < 0)
        return;
    const char *uid = strstr(text, "\nUid:"), *at = strstr(text, "\nGroups:");
    /* The fourth is what files are opened with: were the number given to another process by now, its groups would not count. */
    if (!at || !uid || sscanf(uid + 5, "%u %u %u %u", &uids[0], &uids[1], &uids[2], &uids[3]) != 4 ||
        uids[3] != c->uid)
        return;
    at += strlen("\nGroups:");
    for (char *rest; *(at += strspn(at, " \t")) != '\n' && out->n_groups < READ_AS_GROUPS; at = rest) {
        unsigned long group = strtoul(at, &rest, 10);
        if (rest == at)
            return;
        out->groups[out->n_groups++] = (gid_t)group;
    }
}

/* One descriptor: the file with this inode number, on this mount, open for writing? */
static bool is_writer(const char *fdinfo, uint64_t ino, int mount_id)
{
    char text[1024];
    unsigned flags;
    unsigned long long number;
    int mount;

    if (slurp(fdinfo, text, sizeof text) < 0)
        return false;
    const char *f = strstr(text, "flags:"), *m = strstr(text, "mnt_id:"), *i = strstr(text, "ino:");
    if (!f || sscanf(f + 6, "%o", &flags) != 1 || (flags & O_ACCMODE) == O_RDONLY)
        return false;
    if (mount_id && (!m || sscanf(m + 7, "%d", &mount) != 1 || mount != mount_id))
        return false;
    return i && sscanf(i + 4, "%llu", &number) == 1 && number == ino;
}

bool process_holds_for_writing(pid_t pid, uint64_t ino, int dev_mount_id)
{
    char path[320];
    bool found = false;

    pid = process_of(pid);
    snprintf(path, sizeof path, "/proc/%d/fdinfo", (int)pid);
    DIR *d = opendir(path);
    if (!d)
        return false;
    for (struct dirent *e; !found && (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/fdinfo/%s", (int)pid, e->d_name);
        found = is_writer(path, ino, dev_mount_id);
    }
    closedir(d);
    return found;
}
