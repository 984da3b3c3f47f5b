/* SPDX-License-Identifier: MIT */
/* Names that callers make, change and take away: in the directories whose `struct dir` says so, and nowhere else. All of
 * them act for the caller alone, as lookup does. */
#include "backend/base/utf8.h"
#include "fs/tree_inside.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* The kernel lets longer ones through than statfs(2) promises. A control character would forge lines of the log. */
int name_check(const char *name)
{
    size_t len = strlen(name);

    if (len > NAME_MAX)
        return -ENAMETOOLONG;
    if (len == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || utf8_valid_len(name, len) < len)
        return -EINVAL;
    for (const unsigned char *p = (const unsigned char *)name; *p; p++)
        if (*p < ' ' || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0)) /* the last: U+0080 to U+009F */
            return -EINVAL;
    return 0;
}

int tree_make(struct tree *t, const struct node *dir, const char *name, const struct caller *c,
              struct node *out)
{
    int rc = tree_lookup(t, dir, name, c, out);

    if (rc != -ENOENT)
        return rc == 0 ? -EEXIST : rc;
    if (!dir->row->dir->make)
        return -EPERM;
    rc = name_check(name);
    return rc < 0 ? rc : dir->row->dir->make(t, dir->subject, name, out);
}

int tree_remove(struct tree *t, const struct node *dir, const char *name, const struct caller *c)
{
    struct node n;
    int rc = tree_lookup(t, dir, name, c, &n);

    if (rc < 0)
        return rc;
    if (n.row->type != ROW_DIR)
        return -ENOTDIR;
    return n.row->dir->remove ? n.row->dir->remove(t, n.subject) : -EPERM;
}

int tree_unlink(struct tree *t, const struct node *dir, const char *name, const struct caller *c)
{
    struct node n;
    int rc = tree_lookup(t, dir, name, c, &n);

    if (rc < 0)
        return rc;
    if (n.row->type == ROW_DIR)
        return -EISDIR;
    return dir->row->dir->remove ? 0 : -EPERM;
}

int tree_rename(struct tree *t, const struct node *dir, const char *name, const struct node *to_dir,
                const char *to, const struct caller *c)
{
    struct node n, there;
    int rc = tree_lookup(t, dir, name, c, &n);

    if (rc < 0)
        return rc;
    if (n.row->type != ROW_DIR || !n.row->dir->rename || to_dir->row != dir->row ||
        to_dir->subject != dir->subject)
        return -EPERM;
    if ((rc = tree_lookup(t, to_dir, to, c, &there)) != -ENOENT)
        return rc < 0                       ? rc
               : there.row->type != ROW_DIR ? -ENOTDIR
               : there.subject == n.subject ? 0
                                            : -ENOTEMPTY;
    rc = name_check(to);
    return rc < 0 ? rc : n.row->dir->rename(t, n.subject, to);
}
