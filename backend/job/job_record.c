/* SPDX-License-Identifier: MIT */
#include "backend/job/job_record.h"
#include "backend/base/alloc.h"
#include "backend/base/log.h"
#include "backend/base/private_file.h"
#include "backend/house.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION    1         /* of the file's format: one that is higher was written by a newer program */
#define RECORD_MAX (4 << 20) /* bytes: a script may carry a user's own template, and no more */
#define BAD        ".bad"

/* ---- Writing */

int job_record_write(const char *dir, const struct job_record *r, struct err *e)
{
    char *path = xasprintf("%s/%s", dir, r->unique_name);
    json_t *v = json_pack("{s:i,s:s,s:s,s:s,s:s,s:o,s:s,s:I,s:b,s:o}", "version", VERSION, "name",
                          r->unique_name, "model", r->model, "cluster", r->cluster, "workdir", r->workdir,
                          "id", json_str(r->id), "secret", r->secret, "submitted", (json_int_t)r->submitted,
                          "ending", r->ending, "script", json_str(r->script));
    char *text = v ? json_dumps(v, JSON_INDENT(1)) : NULL;
    struct err why;
    int rc = text ? private_file_write(path, text, strlen(text), &why) : -EINVAL;

    if (rc < 0)
        err_set(e, rc, "the job's record %s cannot be written, without which a crash would lose the job: %s",
                path, strerror(-rc));
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
    json_decref(v);
    free(path);
    return rc;
}

void job_record_remove(const char *dir, const char *unique_name)
{
    char *path = xasprintf("%s/%s", dir, unique_name);

    if (unlink(path) < 0 && errno != ENOENT)
        log_warning("the record %s of a job that ended cannot be removed: %s", path, strerror(errno));
    free(path);
}

/* ---- Reading */

static void finish(struct job_record *r)
{
    free(r->unique_name);
    free(r->model);
    free(r->cluster);
    free(r->workdir);
    free(r->script);
    free(r->id);
    explicit_bzero(r->secret, sizeof r->secret);
}

void job_records_free(struct job_record *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        finish(&v[i]);
    free(v);
}

static bool consists_of(const char *s, int (*is)(int c), const char *also)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if (!is((unsigned char)*s) && !strchr(also, *s))
            return false;
    return true;
}

/* What goes into commands, paths and requests is of the form that we give it, whoever wrote the file. */
static const char *what_is_odd(const struct job_record *r, const char *file, const char *prefix)
{
    if (strcmp(r->unique_name, file) != 0 || strncmp(file, prefix, strlen(prefix)) != 0 ||
        !consists_of(file, isalnum, "._+-"))
        return "it is the record of another job, or of another mount";
    if (strlen(r->secret) != sizeof r->secret - 1 || !consists_of(r->secret, isxdigit, ""))
        return "its secret is none of ours";
    if (r->id && (!consists_of(r->id, isdigit, "") || strlen(r->id) > 10))
        return "its id is no number";
    if ((r->workdir[0] != '/' && strncmp(r->workdir, "~/", 2) != 0) || strchr(r->workdir, '\n'))
        return "its workdir is no path";
    return NULL;
}

/* NULL, or what is wrong. r holds what was read in both cases. */
static const char *take(json_t *v, const char *file, const char *prefix, struct job_record *r)
{
    const char *name, *model, *cluster, *workdir, *secret;
    json_int_t submitted;
    int version, ending;

    if (json_unpack(v, "{s:i}", "version", &version) < 0)
        return "it is no record";
    if (version > VERSION)
        return "a newer slullamafs wrote it";
    const char *id = json_string_value(json_object_get(v, "id")); /* NULL for null */
    const char *script = json_string_value(json_object_get(v, "script"));
    if (json_unpack(v, "{s:s,s:s,s:s,s:s,s:s,s:I,s:b}", "name", &name, "model", &model, "cluster", &cluster,
                    "workdir", &workdir, "secret", &secret, "submitted", &submitted, "ending", &ending) < 0 ||
        strlen(secret) >= sizeof r->secret)
        return "it is no whole record";
    r->unique_name = xstrdup(name);
    r->model = xstrdup(model);
    r->cluster = xstrdup(cluster);
    r->workdir = xstrdup(workdir);
    r->script = xstrdup(script ? script : "");
    r->id = id ? xstrdup(id) : NULL;
    strcpy(r->secret, secret);
    r->submitted = (time_t)submitted;
    r->ending = ending;
    return what_is_odd(r, file, prefix);
}

/* The file's text; NULL where it is no plain file of ours, or too large. */
static char *read_file(int dir_fd, const char *file)
{
    int fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    char *text = NULL;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
        st.st_size <= RECORD_MAX) {
        text = xcalloc(1, (size_t)st.st_size + 1);
        if (pread(fd, text, (size_t)st.st_size, 0) != st.st_size) {
            free(text);
            text = NULL;
        }
    }
    if (fd >= 0)
        close(fd);
    return text;
}

static const char *read_record(int dir_fd, const char *file, const char *prefix, struct job_record *r)
{
    char *text = read_file(dir_fd, file);
    json_t *v = text ? json_loads(text, 0, NULL) : NULL;
    const char *wrong = v ? take(v, file, prefix, r) : "it cannot be read, or is no JSON";

    json_decref(v);
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
    return wrong;
}

static void set_aside(int dir_fd, const char *dir, const char *file, const char *why)
{
    char *bad = xasprintf("%s" BAD, file);
    bool done = renameat(dir_fd, file, dir_fd, bad) == 0;

    log_warning("%s/%s is passed over: %s; %s%s%s", dir, file, why,
                done ? "it is now " : "it cannot be renamed: ", done ? bad : strerror(errno),
                done ? ", and its job, if there is one, ends by its lease" : "");
    free(bad);
}

static bool ends_in(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n >= m && strcmp(s + n - m, end) == 0;
}

/* Jobs that are known to exist come first: a model keeps those, and lets a submission of unknown outcome go. The order of
 * a directory decides nothing. */
static int compare(const void *a, const void *b)
{
    const struct job_record *x = a, *y = b;
    bool x_known = x->id && x->id[0], y_known = y->id && y->id[0];

    return x_known != y_known ? y_known - x_known : strcmp(x->unique_name, y->unique_name);
}

size_t job_records_load(const char *dir, const char *prefix, struct job_record **v)
{
    DIR *d = opendir(dir);
    size_t n = 0;

    *v = NULL;
    for (struct dirent *entry; d && (entry = readdir(d));) {
        const char *file = entry->d_name, *wrong;
        struct job_record r = { 0 };
        if (file[0] == '.' || ends_in(file, BAD))
            continue;
        if (ends_in(file, PRIVATE_FILE_FRESH)) {
            unlinkat(dirfd(d), file, 0);
            continue;
        }
        if ((wrong = read_record(dirfd(d), file, prefix, &r))) {
            set_aside(dirfd(d), dir, file, wrong);
            finish(&r);
            continue;
        }
        *v = xrealloc(*v, (n + 1) * sizeof **v);
        (*v)[n++] = r;
    }
    if (d)
        closedir(d);
    if (n > 1)
        qsort(*v, n, sizeof **v, compare);
    return n;
}
