/* SPDX-License-Identifier: MIT */
#ifndef FS_FILES_H
#define FS_FILES_H
#include "fs/tree.h"
/* What stands behind the rows of tree.c, save `ask`, `reply` and `error` (asking.h) and the ctl files
 * (ctl.h). */

/* readme.c, metrics.c */
extern const struct file_ops file_readme, file_metrics;
/* auth.c */
extern const struct file_ops file_auth;
/* status.c */
extern const struct file_ops file_status_house, file_status_model, file_status_job, file_status_cluster;
/* text.c */
extern const struct file_ops file_endpoint_house, file_endpoint_model, file_endpoint_job, file_env_house,
    file_env_model, file_config, file_script;
/* growing_file.c */
extern const struct file_ops file_events, file_log, file_job_stdout, file_job_stderr, file_model_stdout,
    file_model_stderr;

/* history.c */
extern const struct file_ops file_past_prompt, file_past_reply, file_past_error, file_past_status;
int link_latest(struct tree *t, struct subject *s, const char *name, struct buf *target);
bool has_history(struct tree *t, struct subject *s);

/* batch.c */
extern const struct file_ops file_batch_in, file_batch_out, file_batch_errors, file_status_batch, file_progress;
extern const struct row batch_row[]; /* tree.c: the row of a batch */
void list_batches(struct tree *t, struct subject *s, each_f *each, void *arg);
int find_batch(struct tree *t, struct subject *s, const char *name, struct node *out);
int make_batch(struct tree *t, struct subject *s, const char *name, struct node *out);
int remove_batch(struct tree *t, struct subject *s);

/* settings.c */
extern const struct file_ops file_system, file_params;

/* chats.c */
extern const struct file_ops file_chat_status, file_chat_error, file_chat_transcript, file_chat_messages;
extern const struct row chat_row[]; /* tree.c: the row of a conversation */
void list_chats(struct tree *t, struct subject *s, each_f *each, void *arg);
int find_chat(struct tree *t, struct subject *s, const char *name, struct node *out);
int make_chat(struct tree *t, struct subject *s, const char *name, struct node *out);
int remove_chat(struct tree *t, struct subject *s);
int rename_chat(struct tree *t, struct subject *s, const char *name);

/* links.c: the targets of links. */
int link_alias(struct tree *t, struct subject *s, const char *name, struct buf *target);
int link_current_job(struct tree *t, struct subject *s, const char *name, struct buf *target);
int link_job_model(struct tree *t, struct subject *s, const char *name, struct buf *target);
int link_replica(struct tree *t, struct subject *s, const char *name, struct buf *target);
bool is_replica(struct tree *t, struct subject *s);
bool has_current_job(struct tree *t, struct subject *s);

#endif
