/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_REMOTE_FILES_H
#define BACKEND_REMOTE_FILES_H
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "backend/transport/transport.h"
/* Small files on the cluster, through one shell that stays on the login node for as long as our connection
 * does (it is a child of our SSH session and ends with it). Job logs, the address that a job publishes and
 * the lease all go through it: one channel for all jobs, no command for each look. Requests are answered in
 * order. Paths are absolute or begin with "~/" (the cluster's home); any byte but NUL and newline is
 * allowed in them. A request that breaks a limit is answered with -EIO. No callback is called inside the
 * call that caused it. */

struct remote_files;

struct remote_files *remote_files_create(uv_loop_t *loop, struct transport *t);

/* Callbacks still owed get -ECANCELED first (where the outcome is not known yet); what they ask for in turn
 * is dropped. Comes before transport_destroy(). NULL is allowed. */
void remote_files_destroy(struct remote_files *f);

/* One look at a file.
 * off   read from here; at most max bytes (<= 256 KiB) come back
 * size  of the file now; smaller than off after a truncation (then data is empty)
 * rc    0; -ENOENT; -EHOSTUNREACH when the channel is lost or cannot be had, or the file system does not
 *       answer within 20 s (ask again later); -EIO else (not a plain file, no permission)
 * Everything is borrowed for the call. */
typedef void (*remote_read_f)(void *arg, int rc, uint64_t size, const char *data, size_t len);
void remote_files_read(struct remote_files *f, const char *path, uint64_t off, size_t max, remote_read_f cb,
                       void *arg);

/* Replace a file's content (written beside it with mode 0600 and renamed); missing directories are made
 * with mode 0700. data travels on the channel, never in a command line, and may be a secret. At most 64
 * KiB. cb may be NULL. */
typedef void (*remote_write_f)(void *arg, int rc);
void remote_files_write(struct remote_files *f, const char *path, const void *data, size_t len,
                        remote_write_f cb, void *arg);

/* Sweep what ended jobs have left: in dir, directories of ours named sfs-* that are not among the words of keep
 * and in which no file was made or replaced for so many days (a live job's lease is, each minute) lose their files
 * lease, state, stdout, stderr, key and sign, and go themselves where nothing else is in them; at most 50 in one
 * call, since the channel waits. cb gets their number as the size. */
void remote_files_sweep(struct remote_files *f, const char *dir, int days, const char *keep, remote_read_f cb,
                        void *arg);

/* Forget what was asked with this arg: its callbacks are not called any more. */
void remote_files_forget(struct remote_files *f, const void *arg);

#endif
