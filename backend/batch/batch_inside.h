/* SPDX-License-Identifier: MIT */
#ifndef BACKEND_BATCH_INSIDE_H
#define BACKEND_BATCH_INSIDE_H
#include <uv.h>
#include "backend/base/list.h"
#include "backend/base/timer.h"
#include "backend/batch/batch.h"
#include "backend/batch/batch_index.h"
#include "backend/batch/batch_line.h"
#include "backend/batch/batch_results.h"
#include "backend/batch/call.h"
/* What the files of a batch share of it: batch.c (states), batch_pump.c (lines on their way), batch_disk.c (work in the
 * pool of threads), batch_input.c (writing in.jsonl), batch_status.c and batches.c (all of them, and their folders). */

struct batch_line {
    struct list link; /* batch->lines, or batch->writing */
    struct batch *batch;
    uint32_t number;
    enum {
        LINE_READY,   /* to be sent */
        LINE_OUT,     /* with the model: call */
        LINE_RESTING, /* failed, to be sent again at due_ms */
        LINE_OVER,    /* result is to be written */
    } state;
    int attempts; /* that failed */
    uint64_t due_ms;
    size_t size; /* bytes in in.jsonl */
    uint64_t minute; /* LINE_OUT: quota_asked() */
    struct batch_request request;
    struct call *call;
    struct buf result;
    bool good;
};

/* Who waits for what was written to be on disk. */
struct batch_waiter {
    struct list link;
    void (*done)(void *arg, int rc);
    void *arg;
};

enum { BATCH_FD_IN, BATCH_FD_OUT, BATCH_FD_ERRORS, BATCH_FD_INDEX, BATCH_FD_MARKS, BATCH_FDS };

/* What one reading in the pool is for, and gives. Nobody else touches what it uses until it is back. */
enum batch_reading { READ_NOTHING, READ_RESULTS, READ_INDEX, READ_LINES };

/* So many lines had results at that time. */
struct batch_sample {
    uint64_t ms; /* mono_ms(); 0 = not taken */
    uint32_t n;
};

struct batch {
    struct list link; /* house->batches */
    struct house *house;
    struct model *model;
    char *name;
    char *dir; /* absolute */
    uid_t uid;
    enum batch_state state;
    struct timespec since;
    char *trouble;  /* why it does not go on as it should; NULL */
    char *complain; /* why the last line failed that did; NULL */
    bool closed;    /* it is freed when nothing is under way in the pool */
    bool removed;   /* its folder has another name already */
    bool posted;    /* a pump is */
    struct timer *wake;
    int fds[BATCH_FDS];

    /* in.jsonl */
    int writers;     /* open files */
    bool dirty;      /* written, and not begun */
    bool unsynced;   /* written since the last batch_sync() */
    bool spoiled;    /* a write failed: what is there is not what was meant */
    struct list puts;  /* struct batch_put: writes that are not answered yet, in their order */
    size_t put_bytes;  /* of these */
    uv_work_t putter;
    struct batch_put *put; /* the first of them, which is with it; NULL = none */
    int put_rc;
    uint64_t stored; /* bytes that are known to be on disk, as a whole; 0 */
    struct timespec out_mtime, errors_mtime;

    /* What is known of the lines. */
    bool loaded; /* results are those of its files */
    bool indexed, json;
    struct batch_scan *scan;
    struct batch_results results;
    bool durable;    /* of the configuration, for the pool */
    size_t line_max; /* likewise */

    /* batch_pump.c */
    struct list lines; /* taken from in.jsonl and without a written result, in its order */
    int n_lines, n_out;
    int most_out;                    /* grows by one an answer; 0: no answers were too long together */
    size_t line_bytes;               /* of those */
    size_t result_bytes;             /* of results that are not written */
    uint32_t next;                   /* lines from here on were not looked at */
    uint64_t rest_until_ms, rest_ms; /* the model failed: nothing is sent until then */
    uint64_t minute_ends_ms;         /* its user has asked enough: likewise; 0 = has not */
    struct batch_sample sample[2];   /* for the rate */
    double per_s;                    /* 0 = not known */

    /* batch_disk.c */
    uv_work_t reader, writer;
    enum batch_reading reading;
    bool busy_writing;
    uint32_t *wanted; /* READ_LINES: their numbers */
    size_t n_wanted;
    struct list got;            /* struct batch_line */
    struct batch_results fresh; /* READ_RESULTS */
    int read_rc;
    struct err read_err;
    struct batch_group group; /* under way, or to be written again */
    struct list writing;      /* its lines */
    bool group_held;          /* the group could not be written */
    bool want_about, want_retry;
    char *about; /* text under way */
    bool doing_retry, doing_sync;
    uint64_t sync_size;
    struct list waiters, syncing; /* struct batch_waiter */
    int write_rc;
    struct err write_err;
    uint64_t write_again_ms; /* the disk took nothing: not before then; 0 = it does */
};

/* batch.c */
enum batch_event {
    BATCH_EV_HOLD,
    BATCH_EV_START,
    BATCH_EV_UNHOLD, /* `start` of one that is being written */
    BATCH_EV_PAUSE,
    BATCH_EV_RESUME,
    BATCH_EV_CANCEL,
    BATCH_EV_RETRY,
    BATCH_EV_FINISHED, /* each line has its result */
    BATCH_EV_EMPTIED,  /* in.jsonl is, after the end */
};
struct batch_transition {
    enum batch_state state;
    enum batch_event event;
    enum batch_state next;
};
extern const struct batch_transition batch_transitions[];
extern const size_t batch_n_transitions;
const char *batch_state_name(enum batch_state s);

/* The one function that changes the state; false: not in this one. */
bool batch_handle(struct batch *b, enum batch_event ev);
/* What is left of an emptying that a crash cut short is finished, as it is known from its files: the state is as `about` has it. */
void batch_mind_emptied(struct batch *b, uint64_t total);
bool batch_is_over(const struct batch *b);
int batch_empty_files(struct batch *b);
void batch_set_text(char **to, const char *text); /* trouble, complain; NULL: there is none */

/* batch_pump.c */
void batch_post(struct batch *b);       /* soon: do what there is to do */
void batch_withdraw(struct batch *b);   /* lines that wait at the model come back */
void batch_drop_lines(struct batch *b); /* all without a result */
int batch_in_flight(const struct batch *b);
bool batch_sleeps(const struct batch *b); /* these are not its hours */

/* batch_disk.c: begin what is to be done and not under way. Each ends in batch_post(). */
void batch_read(struct batch *b, enum batch_reading what);
void batch_mind_writing(struct batch *b, bool ordered);
void batch_free_line(struct batch_line *l);
void batch_free_idle(struct batch *b); /* one that is closed, when nothing of it is under way in the pool */
void batch_close(struct batch *b); /* out of the house: it is freed, at once or later */

/* batch_input.c */
void batch_drop_puts(struct batch *b); /* -ECANCELED to all but one that is under way */

/* batches.c: the file `about` of its folder */
char *batch_about(const struct batch *b); /* the caller's */

#endif
