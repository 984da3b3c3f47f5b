/* SPDX-License-Identifier: MIT */
/* The file system that ours is measured against: what libfuse's example hello_ll is, the least that answers,
 * in libfuse's own blocking loop on one thread. Its files have the cache settings of the kinds of file in our
 * tree:
 *
 *   constant   entry and attributes believed for 1 s, pages kept        (README)
 *   dynamic    the name believed for 1 s, attributes never, direct I/O  (status)
 *   named      not even the name believed                              (reply)
 *   dir/       a directory of N entries
 *
 * Usage: bench-reference-fs MOUNTPOINT N; it stays in the foreground until it is unmounted. */
#define FUSE_USE_VERSION 35
#include <fuse_lowlevel.h>
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_LEN 400 /* about a status */
#define DIR_INO  5

static const struct {
    const char *name;
    double entry_timeout, attr_timeout;
} files[] = { { "constant", 1.0, 1.0 }, { "dynamic", 1.0, 0 }, { "named", 0, 0 }, { "dir", 1.0, 1.0 } };

static char text[TEXT_LEN];
static int n_entries;

static void fill(fuse_ino_t ino, struct stat *st)
{
    *st = (struct stat){ .st_ino = ino, .st_nlink = 1, .st_mode = S_IFREG | 0444, .st_size = TEXT_LEN };
    if (ino == FUSE_ROOT_ID || ino == DIR_INO)
        st->st_mode = S_IFDIR | 0755;
}

static double attr_timeout(fuse_ino_t ino)
{
    return ino == FUSE_ROOT_ID ? 1.0 : files[ino - 2].attr_timeout;
}

static void lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    for (size_t i = 0; parent == FUSE_ROOT_ID && i < sizeof files / sizeof *files; i++) {
        if (strcmp(name, files[i].name) != 0)
            continue;
        struct fuse_entry_param e = { .ino = i + 2,
                                      .entry_timeout = files[i].entry_timeout,
                                      .attr_timeout = files[i].attr_timeout };
        fill(e.ino, &e.attr);
        fuse_reply_entry(req, &e);
        return;
    }
    fuse_reply_err(req, ENOENT);
}

static void getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct stat st;

    (void)fi;
    fill(ino, &st);
    fuse_reply_attr(req, &st, attr_timeout(ino));
}

static void open_one(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    fi->direct_io = ino != 2;
    fi->keep_cache = ino == 2;
    fi->noflush = 1;
    fuse_reply_open(req, fi);
}

static void read_one(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    size_t at = off < TEXT_LEN ? (size_t)off : TEXT_LEN, left = TEXT_LEN - at;

    (void)ino, (void)fi;
    fuse_reply_buf(req, text + at, left < size ? left : size);
}

static void read_dir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
    char entries[8192], name[32];
    size_t len = 0;

    (void)ino, (void)fi;
    for (int i = 0; i < n_entries + 2; i++) {
        struct stat st = { .st_ino = (ino_t)(10 + i), .st_mode = i < 2 ? S_IFDIR : S_IFREG };
        snprintf(name, sizeof name, i == 0 ? "." : i == 1 ? ".." : "file%d", i);
        size_t more = fuse_add_direntry(req, entries + len, sizeof entries - len, name, &st, 0);
        if (more > sizeof entries - len)
            break;
        fuse_add_direntry(req, entries + len, sizeof entries - len, name, &st, (off_t)(len + more));
        len += more;
    }
    size_t at = (size_t)off < len ? (size_t)off : len;
    fuse_reply_buf(req, entries + at, len - at < size ? len - at : size);
}

static const struct fuse_lowlevel_ops operations = {
    .lookup = lookup, .getattr = getattr, .open = open_one, .read = read_one, .readdir = read_dir
};

int main(int argc, char **argv)
{
    struct fuse_args args = FUSE_ARGS_INIT(1, argv);
    struct fuse_session *se;

    if (argc != 3)
        die("usage: bench-reference-fs MOUNTPOINT ENTRIES");
    n_entries = atoi(argv[2]);
    memset(text, 'x', sizeof text);
    se = fuse_session_new(&args, &operations, sizeof operations, NULL);
    if (!se || fuse_set_signal_handlers(se) < 0 || fuse_session_mount(se, argv[1]) < 0)
        die("%s cannot be mounted", argv[1]);
    int rc = fuse_session_loop(se);
    fuse_session_unmount(se);
    fuse_remove_signal_handlers(se);
    fuse_session_destroy(se);
    return rc != 0;
}
