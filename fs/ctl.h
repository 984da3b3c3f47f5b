/* SPDX-License-Identifier: MIT */
#ifndef FS_CTL_H
#define FS_CTL_H
#include "fs/node.h"
/* The ctl files: one verb a line; reading lists the verbs. A line acts when its newline arrives, a last
 * one without newline at the last close. A line of more than CTL_LINE_MAX bytes, an unknown verb and wrong
 * arguments are EINVAL; the sentence that quotes the line goes into the log. */

#define CTL_LINE_MAX  4096
#define CTL_WORDS_MAX 8

struct verb {
    /* "stop all", "wake MODEL": words as they are written; those in capitals stand for arguments, also
     * behind an equals sign: "wake time=DURATION". */
    const char *form;
    /* args are the arguments, in order. 0, or a negative errno with a sentence. */
    int (*act)(struct open_file *f, char **args, struct err *e);
    const char *help;
    bool for_others; /* may be used by other users too, on what is theirs; those with a cluster of their own use all there */
};

/* The row of a line, NULL with -EINVAL and the sentence in e. The line is cut into words; args gets those
 * that stand for arguments. Pure. */
const struct verb *ctl_parse(const struct verb *verbs, char *line, char *args[CTL_WORDS_MAX], struct err *e);

extern const struct file_ops file_ctl_house, file_ctl_model, file_ctl_job, file_ctl_batch, file_ctl_chat;

#endif
