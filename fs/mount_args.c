/* SPDX-License-Identifier: MIT */
#include "fs/mount_args.h"

#include <errno.h>
#include <string.h>

enum fate { DROP, PASS, CONFIG_FILE };

/* What -o may hold. A name that ends in '=' takes a value, one that ends in '*' is a prefix. */
static const struct {
    const char *name;
    enum fate fate;
} options[] = {
    /* mount(8)'s and systemd's, of no meaning here */
    { "defaults", DROP },
    { "auto", DROP },
    { "noauto", DROP },
    { "user", DROP },
    { "user=", DROP },
    { "users", DROP },
    { "nouser", DROP },
    { "owner", DROP },
    { "group", DROP },
    { "_netdev", DROP },
    { "nofail", DROP },
    { "comment=", DROP },
    { "x-*", DROP },
    { "X-*", DROP },
    { "dev", DROP },
    { "suid", DROP },
    { "exec", DROP },
    { "auto_unmount", DROP }, /* always on */
    { "fsname=", DROP },      /* ours are fixed: umount(8) and scripts look for them */
    { "subtype=", DROP },
    /* the kernel's and libfuse's */
    { "rw", PASS },
    { "ro", PASS },
    { "nosuid", PASS },
    { "nodev", PASS },
    { "noexec", PASS },
    { "sync", PASS },
    { "async", PASS },
    { "dirsync", PASS },
    { "atime", PASS },
    { "noatime", PASS },
    { "allow_other", PASS },
    { "allow_root", PASS },
    { "default_permissions", PASS },
    { "context=", PASS },
    /* ours */
    { "config=", CONFIG_FILE },
};

static bool matches(const char *name, const char *word)
{
    size_t n = strlen(name);

    if (name[n - 1] == '*')
        return strncmp(name, word, n - 1) == 0;
    if (name[n - 1] == '=')
        return strncmp(name, word, n) == 0;
    return strcmp(name, word) == 0;
}

static int take_option(struct mount_args *a, const char *word, struct err *e)
{
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        if (!matches(options[i].name, word))
            continue;
        if (options[i].fate == PASS)
            buf_addf(&a->fuse_options, "%s%s", a->fuse_options.len ? "," : "", word);
        else if (options[i].fate == CONFIG_FILE)
            a->config = strchr(word, '=') + 1;
        return 0;
    }
    return err_set(e, -EINVAL, "unknown mount option \"%s\"; see mount.slullamafs(8)", word);
}

static int take_options(struct mount_args *a, char *list, struct err *e)
{
    int rc = 0;

    for (char *save, *word = strtok_r(list, ",", &save); rc == 0 && word; word = strtok_r(NULL, ",", &save))
        rc = take_option(a, word, e);
    return rc;
}

/* The value of a short option: behind it, or the next word. */
static char *value_of(int argc, char **argv, int *i)
{
    if (argv[*i][2])
        return argv[*i] + 2;
    return *i + 1 < argc ? argv[++*i] : NULL;
}

static int take_flag(struct mount_args *a, int argc, char **argv, int *i, struct err *e)
{
    char *word = argv[*i], *value;

    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        a->help = true;
    else if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
        a->version = true;
    else if (strcmp(word, "--config") == 0 && *i + 1 < argc)
        a->config = argv[++*i];
    else if (strncmp(word, "--config=", 9) == 0)
        a->config = word + 9;
    else if (strcmp(word, "--verbose") == 0)
        a->verbose = true;
    else if (word[1] == '-' || !word[1] || !strchr("fvsncoNt", word[1]))
        return err_set(e, -EINVAL, "unknown option \"%s\"; see --help", word);
    else if (!strchr("coNt", word[1])) {
        for (const char *p = word + 1; *p; p++) { /* -fv */
            if (!strchr("fvsn", *p))
                return err_set(e, -EINVAL, "unknown option \"%s\"; see --help", word);
            a->foreground |= *p == 'f';
            a->verbose |= *p == 'v';
        }
    } else if (!(value = value_of(argc, argv, i)))
        return err_set(e, -EINVAL, "option %s takes a value; see --help", word);
    else if (word[1] == 'c')
        a->config = value;
    else if (word[1] == 'o')
        return take_options(a, value, e);
    return 0;
}

int mount_args_parse(int argc, char **argv, struct mount_args *out, struct err *e)
{
    char *words[3];
    int n = 0, rc = 0;

    *out = (struct mount_args){ 0 };
    for (int i = 1; rc == 0 && i < argc; i++) {
        if (argv[i][0] == '-' && argv[i][1])
            rc = take_flag(out, argc, argv, &i, e);
        else if (n < 2)
            words[n++] = argv[i];
        else
            rc = err_set(e, -EINVAL, "too many arguments: \"%s\"; see --help", argv[i]);
    }
    if (rc < 0 || out->help || out->version)
        return rc;
    if (n == 0)
        return err_set(e, -EINVAL, "no mount point was given; try: mount.slullamafs ~/llm");
    if (!*words[n - 1])
        return err_set(e, -EINVAL, "the mount point is an empty word; try: mount.slullamafs ~/llm");
    if (!*words[0] || (out->config && !*out->config))
        return err_set(e, -EINVAL, "the name of the configuration is an empty word; see --help");
    out->mountpoint = words[n - 1];
    if (n == 2 && !out->config && strcmp(words[0], "default") != 0 && strcmp(words[0], "slullamafs") != 0)
        out->config = words[0];
    return 0;
}

void mount_args_finish(struct mount_args *a)
{
    buf_free(&a->fuse_options);
}
