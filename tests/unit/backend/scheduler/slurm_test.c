/* SPDX-License-Identifier: MIT */
/* Kind "slurm" over a stand-in for the transport, which either gives a result that the test made up or really
 * runs the command line in a login shell, with stand-ins for Slurm's programs in PATH. */
#include "rig.h"
#include "backend/base/buf.h"
#include "backend/base/mailbox.h"
#include "backend/transport/transport.h"
#include <sys/stat.h>
#include <sys/wait.h>

#define NAME "sfs-0badcafe-m-1"

struct command {
    command_f cb;
    void *arg;
    struct command_result result;
    char *out, *errout;
};

static struct {
    struct mailbox *mailbox;
    const char *shell;            /* run the line with it; NULL = answer with the result below */
    const char *noise;            /* printed on both outputs before the command runs */
    struct command_result result; /* "@" in its texts stands for the tag */
    char *line, *input;           /* of the last command */
    uint64_t timeout_ms;
    int runs, cancelled;
} standin;

/* ---- The stand-in */

static char *tag_of(const char *line)
{
    return xstrndup(strstr(line, "echo; echo ") + 11, 8);
}

static char *with_tag(const char *text, const char *line)
{
    struct buf b = { 0 };
    char *tag = tag_of(line);

    for (; text && *text; text++) {
        if (*text == '@')
            buf_adds(&b, tag);
        else
            buf_add(&b, text, 1);
    }
    free(tag);
    return buf_take(&b);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
    char path[160];

    snprintf(path, sizeof(path), "%s/%s", rig.dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    chmod(path, mode);
}

static char *read_all(const char *name)
{
    char path[160], chunk[4096];
    struct buf b = { 0 };
    size_t n;

    snprintf(path, sizeof(path), "%s/%s", rig.dir, name);
    FILE *f = fopen(path, "r");
    while (f && (n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        buf_add(&b, chunk, n);
    if (f)
        fclose(f);
    return buf_take(&b);
}

/* In a shell of the given kind, as sshd does it: SHELL -c LINE. */
static void really_run(struct command *c, const char *line, const char *input)
{
    char script[1024];

    write_file("input", input ? input : "", 0600);
    write_file("line", line, 0600);
    snprintf(script, sizeof(script),
             "cd %s; exec < input > out 2> errout; %s; PATH=%s/bin:$PATH exec %s -c \"$(cat line)\"", rig.dir,
             standin.noise ? standin.noise : ":", rig.dir, standin.shell);
    int status = system(script);
    c->out = read_all("out");
    c->errout = read_all("errout");
    c->result.exit_status = WEXITSTATUS(status);
}

static void deliver_cb(void *arg, int what)
{
    struct command *c = arg;

    (void)what;
    c->cb(c->arg, &c->result);
    free(c->out);
    free(c->errout);
    free(c);
}

struct command *transport_run(struct transport *t, const char *line, const void *input, size_t input_len,
                              uint64_t connect_ms, uint64_t timeout_ms, command_f cb, void *arg)
{
    struct command *c = NEW(struct command);

    (void)t;
    assert_true(connect_ms > 0);
    standin.runs++;
    standin.timeout_ms = timeout_ms;
    free(standin.line);
    free(standin.input);
    standin.line = xstrdup(line);
    standin.input = input ? xstrndup(input, input_len) : NULL;
    c->cb = cb;
    c->arg = arg;
    c->result = standin.result;
    if (standin.shell) {
        really_run(c, line, standin.input);
    } else {
        c->out = with_tag(standin.result.out, line);
        c->errout = with_tag(standin.result.errout, line);
    }
    c->result.out = c->out;
    c->result.out_len = strlen(c->out);
    c->result.errout = c->errout;
    c->result.errout_len = strlen(c->errout);
    if (!c->result.err)
        c->result.err = "";
    mailbox_post(standin.mailbox, deliver_cb, c, 0);
    return c;
}

void command_cancel(struct command *c)
{
    standin.cancelled++;
    mailbox_forget(standin.mailbox, c);
    free(c->out);
    free(c->errout);
    free(c);
}

static int setup(void **state)
{
    struct err e = { "" };

    memset(&standin, 0, sizeof(standin));
    if (rig_setup(state) < 0)
        return -1;
    standin.mailbox = mailbox_create(&rig.loop);
    return rig_create("slurm", (struct transport *)&standin, "", &e);
}

static int teardown(void **state)
{
    rig_destroy();
    mailbox_destroy(standin.mailbox);
    free(standin.line);
    free(standin.input);
    return rig_teardown(state);
}

static void result(int exit_status, const char *out, const char *errout)
{
    standin.result = (struct command_result){ .exit_status = exit_status, .out = out, .errout = errout };
}

static void lost(int rc, const char *out, const char *err)
{
    standin.result = (struct command_result){ .rc = rc, .out = out, .err = err };
}

/* ---- Submitting */

static void a_submission_sends_the_script_on_standard_input(void **state)
{
    (void)state;
    result(0, "@\n4711;alvis\n", "@\n");
    assert_int_equal(rig_submit(NAME, "#!/bin/bash\nsecret 5ec2e7\n"), 0);
    assert_string_equal(rig.id, "4711");
    char *tag = tag_of(standin.line), *want = xasprintf("\nexit 97\n%s\n#!/bin/bash\nsecret 5ec2e7\n", tag);
    assert_non_null(strstr(standin.input, want));
    free(tag);
    free(want);
    assert_non_null(strstr(standin.line, "exec $T sbatch --parsable --job-name=" NAME ";;"));
    assert_null(strstr(standin.line, "5ec2e7"));
    assert_int_equal(standin.timeout_ms, 100000);
}

static void what_one_submission_keeps_off_is_nothing_to_the_next(void **state)
{
    (void)state;
    result(0, "@\n4711\n", "@\n");
    rig.exclude = "n[1-2]";
    rig.time_s = 60;
    assert_int_equal(rig_submit(NAME, "#!"), 0);
    assert_non_null(strstr(standin.line, " \"--exclude=n[1-2]\" --time=1:00;;"));
    rig.exclude = NULL;
    rig.time_s = 0;
    assert_int_equal(rig_submit(NAME, "#!"), 0);
    assert_null(strstr(standin.line, "--exclude"));
    assert_null(strstr(standin.line, "--time"));
}

static void what_the_script_says_is_not_replaced_by_the_environment(void **state)
{
    static const struct {
        const char *script, *unset;
    } rows[] = {
        { "#!/bin/bash\n", "" },
        { "#!/bin/bash\n#SBATCH --account=mine\n# --qos=x\n\n#SBATCH --time=4\n#SBATCH --mem=1G\n",
          " SBATCH_ACCOUNT SBATCH_MEM_PER_NODE SBATCH_TIMELIMIT" },
        { "#SBATCH --mem-per-cpu=2G\n", " SBATCH_MEM_PER_CPU" },
        { "#!/bin/bash\n#SBATCH -N 1 -p gpu\t-Amine --gpus 2 # two\n",
          " SBATCH_ACCOUNT SBATCH_GPUS SBATCH_PARTITION" },
        { "#SBATCH\n#SBATCH -\n#SBATCH --\n#SBATCH --timeless=1\n#SBATCH --tim", "" },
        { "#!/bin/bash\ntrue\n#SBATCH --qos=late\n", "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *want = xasprintf("'unset SBATCH_WAIT SBATCH_ARRAY_INX SBATCH_CLUSTERS%s;", rows[i].unset);
        result(0, "@\n4711\n", "@\n");
        assert_int_equal(rig_submit(NAME, rows[i].script), 0);
        if (!strstr(standin.line, want))
            fail_msg("%s: %s", rows[i].script, standin.line);
        free(want);
    }
}

static void a_refusal_is_told_in_the_words_of_sbatch(void **state)
{
    (void)state;
    result(1, "Hello\n@\n", "motd\n@\nsbatch: error: Batch job submission failed: Invalid account\n");
    assert_int_equal(rig_submit(NAME, "#!"), -ECONNREFUSED);
    assert_string_equal(rig.err, "Batch job submission failed: Invalid account");
    assert_string_equal(rig.id, "");
}

static void a_submission_of_unknown_outcome_is_no_refusal(void **state)
{
    (void)state;
    result(1, "@\n",
           "@\nsbatch: error: Batch job submission failed: Socket timed out on send/recv operation\n");
    assert_int_equal(rig_submit(NAME, "#!"), -ETIMEDOUT);
    lost(-ECONNRESET, "@\n", "the connection to alvis2 broke");
    assert_int_equal(rig_submit(NAME, "#!"), -ECONNRESET);
    assert_string_equal(rig.err, "the connection to alvis2 broke");
    result(1, "@\n", "@\n");
    assert_int_equal(rig_submit(NAME, "#!"), -EIO);
    result(1, "", "This account is currently not available.\n");
    assert_int_equal(rig_submit(NAME, "#!"), -EIO);
    assert_non_null(strstr(rig.err, "not available"));
    result(137, "@\n", "@\n");
    assert_int_equal(rig_submit(NAME, "#!"), -EIO);
}

static void an_id_that_arrived_counts_even_if_the_link_broke_behind_it(void **state)
{
    (void)state;
    lost(-ECONNRESET, "@\n4711\n", "the connection to alvis2 broke");
    assert_int_equal(rig_submit(NAME, "#!"), 0);
    assert_string_equal(rig.id, "4711");
    lost(-ECONNRESET, "@\n471", "the connection to alvis2 broke");
    assert_int_equal(rig_submit(NAME, "#!"), -ECONNRESET);
}

static void an_sbatch_that_lies_is_quoted(void **state)
{
    (void)state;
    result(0, "@\nSubmitted something, trust me\n", "@\n");
    assert_int_equal(rig_submit(NAME, "#!"), -EPROTO);
    assert_non_null(strstr(rig.err, "\"Submitted something, trust me\""));
    result(0, "@\n", "");
    assert_int_equal(rig_submit(NAME, "#!"), -EPROTO);
}

static void missing_programs_are_named(void **state)
{
    (void)state;
    result(127, "@\n", "@\nsh: 1: exec: sbatch: not found\n");
    assert_int_equal(rig_submit(NAME, "#!"), -ENOENT);
    assert_non_null(strstr(rig.err, "sbatch was not found on this machine"));
    result(127, "@\n@ now 1 x\n\n@ end 127\n", "@\nsh: 1: squeue: not found\n");
    assert_int_equal(rig_query(), -ENOENT);
    assert_non_null(strstr(rig.err, "squeue"));
    result(127, "@\n", "@\nsh: 1: exec: scancel: not found\n");
    assert_int_equal(rig_cancel("1"), -EIO);
    assert_non_null(strstr(rig.err, "scancel"));
}

static void words_that_a_shell_could_misread_are_refused(void **state)
{
    static const char *const bad[] = {
        "a b", "a'b", "a\"b", "a$b", "a;b", "a\nb", "a!b", "a\\b", "a`b", "a*b"
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(rig_submit(bad[i], "#!"), -EINVAL);
    rig.exclude = "n1;reboot";
    assert_int_equal(rig_submit(NAME, "#!"), -EINVAL);
    rig.exclude = NULL;
    assert_int_equal(rig_extend("1;reboot", 60), -EINVAL);
    assert_int_equal(rig_extend("", 60), -EINVAL);
    assert_int_equal(rig_cancel("1;reboot"), -EINVAL);
    assert_int_equal(rig_cancel(""), -EINVAL);
    assert_int_equal(standin.runs, 0);
}

/* ---- Queries and cancels */

#define HEAD "@[JOBID|@|STATE|@||@||@||@||@||@||@|NAME|@|COMMENT]@\n"
#define ROW(id, state, reason)                                                                               \
    "@[" id "|@|" state "|@||@|gpu|@|N/A|@|1:00|@|0:00|@|" reason "|@|sfs-0badcafe-m-" id "|@|(null)]@\n"

static void a_query_that_is_whole_counts(void **state)
{
    (void)state;
    result(0, "@\n@ now 100 x\n" HEAD ROW("7", "RUNNING", "None") "\n@ end 0\n", "");
    assert_int_equal(rig_query(), 0);
    assert_int_equal(rig.n, 1);
    assert_string_equal(rig.jobs[0].id, "7");
    assert_int_equal(standin.timeout_ms, 30000);
    /* Whatever becomes of the command behind its end. */
    lost(-ETIMEDOUT, "@\n@ now 100 x\n" HEAD ROW("7", "RUNNING", "None") "\n@ end 0\n", "it took too long");
    assert_int_equal(rig_query(), 0);
    assert_int_equal(rig.n, 1);
}

static void a_query_that_is_not_whole_lists_nothing(void **state)
{
    (void)state;
    result(1, "@\n@ now 100 x\n\n@ end 1\n",
           "@\nslurm_load_jobs error: Unable to contact slurm controller\n");
    assert_int_equal(rig_query(), -EIO);
    assert_string_equal(rig.err, "squeue on this machine: Unable to contact slurm controller");
    assert_int_equal(rig.n, 0);
    result(0, "@\n@ now 100 x\n" HEAD ROW("7", "RUNNING", "None"), "");
    assert_int_equal(rig_query(), -EPROTO);
    lost(-ETIMEDOUT, "@\n@ now 100 x\n" HEAD ROW("7", "RUNNING", "None"), "it took too long");
    assert_int_equal(rig_query(), -ETIMEDOUT);
    assert_string_equal(rig.err, "it took too long");
    result(0, "", "");
    assert_int_equal(rig_query(), -EIO);
    assert_non_null(strstr(rig.err, "did not get as far as squeue (status 0)"));
    result(255, "", "fatal: no home\n");
    assert_int_equal(rig_query(), -EIO);
    assert_non_null(strstr(rig.err, "fatal: no home"));
}

/* Both commands of such a query get the same output here: each reads its own part. */
static void a_job_that_is_left_out_is_gone_only_if_slurm_says_so(void **state)
{
#define SHORTER "@\n@ now 100 x\n" HEAD ROW("8", "RUNNING", "None") "\n@ end 0\n"
    static const char *const doubts[] = {
        SHORTER,
        SHORTER "JOBID\n7\n\n@ asked 7 0\n",
        SHORTER "JOBI\n\n@ asked 7 0\n",
        SHORTER "\n@ asked 7 0\n",
        SHORTER "slurm_load_jobs error: Unable to contact slurm controller\n\n@ asked 7 1\n",
        SHORTER "slurm_load_jobs error: Invalid job id specified\n\n@ asked 7",
    };

    (void)state;
    result(0, "@\n@ now 100 x\n" HEAD ROW("7", "RUNNING", "None") ROW("8", "RUNNING", "None") "\n@ end 0\n",
           "");
    assert_int_equal(rig_query(), 0);
    for (size_t i = 0; i < sizeof(doubts) / sizeof(doubts[0]); i++) {
        result(0, doubts[i], "");
        assert_int_equal(rig_query(), -EPROTO);
        assert_non_null(strstr(rig.err, "left out job 7"));
        assert_non_null(strstr(standin.line, "squeue -a -t all -j 7 "));
    }
    lost(-ECONNRESET, SHORTER, "the connection broke");
    assert_int_equal(rig_query(), -ECONNRESET);
    result(0, SHORTER "slurm_load_jobs error: Invalid job id specified\n\n@ asked 7 1\n", "");
    assert_int_equal(rig_query(), 0);
    assert_int_equal(rig.n, 1);
    int runs = standin.runs;
    result(0, SHORTER, "");
    assert_int_equal(rig_query(), 0);
    assert_int_equal(standin.runs, runs + 1);
    /* A version that shows an unknown id as an empty list. */
    result(0, "@\n@ now 100 x\n" HEAD "\n@ end 0\nJOBID\n\n@ asked 8 0\n", "");
    assert_int_equal(rig_query(), 0);
    assert_int_equal(rig.n, 0);
}

static void a_job_that_has_ended_may_be_forgotten(void **state)
{
    (void)state;
    result(0, "@\n@ now 100 x\n" HEAD ROW("7", "COMPLETED", "None") "\n@ end 0\n", "");
    assert_int_equal(rig_query(), 0);
    result(0, "@\n@ now 100 x\n" HEAD "\n@ end 0\n", "");
    assert_int_equal(rig_query(), 0);
    assert_int_equal(standin.runs, 2);
}

static void positions_are_counted_rarely_and_remembered(void **state)
{
    (void)state;
    result(0, "@\n@ now 100 x\n" HEAD ROW("7", "PENDING", "Priority") "\n@ end 0\n", "");
    assert_int_equal(rig_query(), 0);
    assert_null(strstr(standin.line, "grep"));
    assert_int_equal(rig.jobs[0].queue_position, 0);
    result(0, "@\n@ now 100 x\n" HEAD ROW("7", "PENDING", "Priority") "\n@ end 0\n@ place 12:7\n", "");
    assert_int_equal(rig_query(), 0);
    assert_non_null(strstr(standin.line, "-p gpu --sort=-p -o %i 2>/dev/null | grep -n -x -e 7 |"));
    assert_int_equal(rig.jobs[0].queue_position, 12);
    result(0, "@\n@ now 100 x\n" HEAD ROW("7", "PENDING", "Priority") "\n@ end 0\n", "");
    assert_int_equal(rig_query(), 0);
    assert_null(strstr(standin.line, "grep"));
    assert_int_equal(rig.jobs[0].queue_position, 12);
    result(0, "@\n@ now 100 x\n" HEAD ROW("7", "RUNNING", "None") "\n@ end 0\n", "");
    assert_int_equal(rig_query(), 0);
    assert_int_equal(rig.jobs[0].queue_position, 0);
}

static void cancels_tell_what_scancel_said(void **state)
{
    (void)state;
    result(0, "@\n", "@\n");
    assert_int_equal(rig_cancel("4711"), 0);
    assert_non_null(strstr(standin.line, "exec $T scancel 4711'"));
    result(1, "@\n", "@\nscancel: error: Kill job error on job id 4711: Invalid job id specified\n");
    assert_int_equal(rig_cancel("4711"), -ENOENT);
    result(210, "@\n", "@\nscancel: error: Kill job error on job id 4711: Access/permission denied\n");
    assert_int_equal(rig_cancel("4711"), -EACCES);
    result(1, "@\n",
           "@\nscancel: error: Kill job error on job id 4711: Unable to contact slurm controller\n");
    assert_int_equal(rig_cancel("4711"), -EIO);
    result(3, "@\n", "@\n");
    assert_int_equal(rig_cancel("4711"), -EIO);
}

static void signs_go_to_the_shells_of_all_in_one_command(void **state)
{
    static const char *const ids[] = { "4711", "4712" }, *const bad[] = { "4711; rm" };

    (void)state;
    result(0, "@\n", "@\n");
    rig.answered = false;
    rig.s->ops->sign(rig.s, ids, 2, "USR1", done_cb, &rig);
    wait_answer();
    assert_int_equal(rig.rc, 0);
    assert_non_null(strstr(standin.line, "exec $T scancel --batch --signal=USR1 4711 4712'"));
    rig.answered = false;
    rig.s->ops->sign(rig.s, bad, 1, "USR1", done_cb, &rig);
    wait_answer();
    assert_int_equal(rig.rc, -EINVAL);
}

static void an_extension_is_in_whole_minutes_and_a_refusal_is_told_from_a_failure(void **state)
{
    (void)state;
    result(0, "@\n", "@\n");
    assert_int_equal(rig_extend("4711", 61), 0);
    assert_non_null(strstr(standin.line, "exec $T scontrol update JobId=4711 TimeLimit=+2'"));
    result(1, "@\n",
           "@\nAccess/permission denied for job 4711\nslurm_update error: Access/permission denied\n");
    assert_int_equal(rig_extend("4711", 60), -EACCES);
    assert_non_null(strstr(rig.err, "Access/permission denied"));
    result(1, "@\n",
           "@\nslurm_update error: Requested time limit is invalid (missing or exceeds some limit)\n");
    assert_int_equal(rig_extend("4711", 60), -EINVAL);
    result(1, "@\n", "@\nslurm_update error: Unable to contact slurm controller (connect failure)\n");
    assert_int_equal(rig_extend("4711", 60), -EIO);
    result(127, "@\n", "@\nsh: scontrol: not found\n");
    assert_int_equal(rig_extend("4711", 60), -EIO);
    assert_non_null(strstr(rig.err, "scontrol was not found"));
    lost(-ECONNRESET, "", "the link was cut");
    assert_int_equal(rig_extend("4711", 60), -ECONNRESET);
}

static void never_cb(void *arg, int rc, const struct job_info *v, size_t n, const char *err)
{
    (void)arg, (void)rc, (void)v, (void)n, (void)err;
    fail_msg("called after the scheduler was destroyed");
}

static void destroying_drops_what_is_under_way(void **state)
{
    (void)state;
    result(0, "", "");
    rig.s->ops->query(rig.s, never_cb, NULL);
    rig_destroy();
    turn(20);
    assert_int_equal(standin.cancelled, 1);
}

/* ---- The command lines, in the login shells that users have */

static const char standin_sbatch[] = "#!/bin/sh\n"
                                     "echo \"$0: $*\" > seen; env > seen-env; cat > seen-script\n"
                                     "echo 'sbatch: note' >&2; echo 4711\n";
static const char standin_squeue[] =
    "#!/bin/sh\n"
    "[ -z \"$SQUEUE_STATES$SQUEUE_FORMAT2\" ] || exit 9\n"
    "for f; do :; done\n" /* the last argument is the format */
    "case \" $* \" in *\" PD \"*) printf '5\\n7\\n'; exit;; esac\n"
    "case \" $* \" in *\" -j 4711 \"*) echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1;; "
    "esac\n"
    "row() { echo \"$f\" | sed "
    "\"s,%i,$1,;s,%T,$2,;s,%N,,;s,%P,gpu,;s,%S,N/A,;s,%L,1:00,;s,%M,0:00,;s,%r,None,;"
    "s,%j,$3,;s,%k,$4,\"; }\n"
    "row JOBID STATE NAME COMMENT; row 6 RUNNING other '(null)'; row 7 PENDING sfs-0badcafe-m-1 'it said "
    "\"hi\" | 100%'\n";
static const char standin_scancel[] =
    "#!/bin/sh\n[ -z \"$SCANCEL_INTERACTIVE\" ] || exit 9\necho \"$*\" > seen\n";

static void check_shell(const char *shell, const char *noise)
{
    char path[80];

    snprintf(path, sizeof(path), "%s/bin", rig.dir);
    mkdir(path, 0700);
    write_file("bin/sbatch", standin_sbatch, 0700);
    write_file("bin/squeue", standin_squeue, 0700);
    write_file("bin/scancel", standin_scancel, 0700);
    standin.shell = shell;
    standin.noise = noise;

    rig.exclude = "n[1-2],n4";
    rig.time_s = 90;
    if (rig_submit(NAME, "#!/bin/bash\n# it's \"all\" $kept\n") != 0)
        fail_msg("%s: %s", shell, rig.err);
    assert_string_equal(rig.id, "4711");
    char *script = read_all("seen-script"), *env = read_all("seen-env"), *seen = read_all("seen");
    assert_string_equal(script, "#!/bin/bash\n# it's \"all\" $kept\n");
    assert_non_null(strstr(seen, " --parsable --job-name=" NAME " --exclude=n[1-2],n4 --time=1:30\n"));
    assert_null(strstr(env, "SBATCH_WAIT="));
    assert_non_null(strstr(env, "SBATCH_ACCOUNT=mine"));
    free(script);
    free(env);
    free(seen);

    if (rig_query() != 0)
        fail_msg("%s: %s", shell, rig.err);
    assert_int_equal(rig.n, 1);
    assert_string_equal(rig.jobs[0].id, "7");
    assert_string_equal(rig.jobs[0].comment, "it said \"hi\" | 100%");
    if (rig_query() != 0)
        fail_msg("%s: %s", shell, rig.err);
    assert_int_equal(rig.jobs[0].queue_position, 2);

    if (rig_cancel("4711") != 0)
        fail_msg("%s: %s", shell, rig.err);
    assert_string_equal(rig_read("seen"), "4711\n");
}

static void the_command_lines_mean_the_same_to_every_login_shell(void **state)
{
    static const char *const shells[] = { "bash", "dash", "zsh", "ksh", "tcsh", "fish", "busybox sh" };

    (void)state;
    setenv("SBATCH_WAIT", "1", 1);
    setenv("SBATCH_ACCOUNT", "mine", 1);
    setenv("SQUEUE_STATES", "FAILED", 1);
    setenv("SQUEUE_FORMAT2", "jobid", 1);
    setenv("SCANCEL_INTERACTIVE", "1", 1);
    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
        char command[128];
        snprintf(command, sizeof(command), "%s -c true > /dev/null 2>&1 < /dev/null", shells[i]);
        if (system(command) != 0) {
            printf("# %s is not here, it is not tried\n", shells[i]);
            continue;
        }
        rig_destroy();
        struct err e = { "" };
        assert_int_equal(rig_create("slurm", (struct transport *)&standin, "", &e), 0);
        check_shell(shells[i], NULL);
    }
    unsetenv("SQUEUE_STATES");
    unsetenv("SQUEUE_FORMAT2");
}

static void noisy_start_up_files_change_nothing(void **state)
{
    (void)state;
    check_shell(
        "bash",
        "echo 'Welcome! 42'; echo 4242; printf 'prompt> '; echo 'stty: not a tty' >&2; printf 'x' >&2");
}

static void questions_of_start_up_files_take_nothing_of_the_script(void **state)
{
    (void)state;
    check_shell("bash", "echo 'Which project?'; read project; read -r quota; echo \"$project it is\"");
}

/* Start-up files that end so, and the words that the refusal of a submission then has. */
static void check_take_over(const char *noise, int rc, const char *words)
{
    char ran[160];

    snprintf(ran, sizeof(ran), "%s/ran-here", rig.dir);
    char *script = xasprintf("#!/bin/bash\necho > %s\n", ran);
    standin.shell = "bash";
    standin.noise = noise;
    if (rig_submit(NAME, script) != rc || !strstr(rig.err, words))
        fail_msg("%s: %d, %s", noise, rig.rc, rig.err);
    assert_int_not_equal(access(ran, F_OK), 0);
    assert_int_equal(rig_query(), -EIO);
    free(script);
}

static void no_other_shell_runs_the_script(void **state)
{
    static const char *const shells[] = { "bash", "dash", "zsh", "ksh", "tcsh", "fish", "busybox sh" };

    (void)state;
    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
        char command[128], noise[64];
        snprintf(command, sizeof(command), "%s -c true > /dev/null 2>&1 < /dev/null", shells[i]);
        if (system(command) != 0)
            continue;
        snprintf(noise, sizeof(noise), "exec %s", shells[i]);
        check_take_over(noise, -ECONNREFUSED, "ends in exec");
    }
    check_take_over("exit 0", -EIO, "did not get as far as sbatch (status 0)");
    assert_non_null(strstr(rig.err, "did not get as far as squeue (status 0)"));
    standin.noise = "cat > /dev/null";
    assert_int_equal(rig_submit(NAME, "#!/bin/bash\n"), -ECONNREFUSED);
    assert_non_null(strstr(rig.err, "reads standard input to its end"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_submission_sends_the_script_on_standard_input),
        T(what_one_submission_keeps_off_is_nothing_to_the_next),
        T(what_the_script_says_is_not_replaced_by_the_environment),
        T(a_refusal_is_told_in_the_words_of_sbatch),
        T(a_submission_of_unknown_outcome_is_no_refusal),
        T(an_id_that_arrived_counts_even_if_the_link_broke_behind_it),
        T(an_sbatch_that_lies_is_quoted),
        T(missing_programs_are_named),
        T(words_that_a_shell_could_misread_are_refused),
        T(a_query_that_is_whole_counts),
        T(a_query_that_is_not_whole_lists_nothing),
        T(a_job_that_is_left_out_is_gone_only_if_slurm_says_so),
        T(a_job_that_has_ended_may_be_forgotten),
        T(positions_are_counted_rarely_and_remembered),
        T(cancels_tell_what_scancel_said),
        T(signs_go_to_the_shells_of_all_in_one_command),
        T(an_extension_is_in_whole_minutes_and_a_refusal_is_told_from_a_failure),
        T(destroying_drops_what_is_under_way),
        T(the_command_lines_mean_the_same_to_every_login_shell),
        T(noisy_start_up_files_change_nothing),
        T(questions_of_start_up_files_take_nothing_of_the_script),
        T(no_other_shell_runs_the_script),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
