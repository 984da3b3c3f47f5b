/* SPDX-License-Identifier: MIT */
#include "rig.h"
#include "backend/base/buf.h"
#include "backend/scheduler/slurm_parse.h"

#define TAG "QKBMAPDC" /* of the captures */
#define HEADING                                                                                              \
    TAG "[JOBID|" TAG "|STATE|" TAG "|NODELIST|" TAG "|PARTITION|" TAG "|START_TIME|" TAG "|TIME_LEFT|" TAG  \
        "|TIME|" TAG "|REASON|" TAG "|NAME|" TAG "|COMMENT]" TAG "\n"
#define PREFIX "sfs-0badcafe-"
#define NOW    2000000000
#define LOGIN  1796142063 /* the login node's clock in them */

static char *read_data(const char *name, size_t *len)
{
    char path[512];
    struct buf b = { 0 };
    char chunk[4096];
    size_t n;

    snprintf(path, sizeof(path), "%s/%s", TEST_DATA, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        buf_add(&b, chunk, n);
    fclose(f);
    *len = b.len;
    return buf_take(&b);
}

static int parse(const char *out, size_t len, struct slurm_jobs *jobs, struct err *e)
{
    int status = 0;

    return slurm_parse_queue(out, len, TAG, PREFIX, NOW, jobs, &status, e);
}

static struct job_info *find(struct slurm_jobs *jobs, const char *id)
{
    for (size_t i = 0; i < jobs->n; i++)
        if (strcmp(jobs->v[i].id, id) == 0)
            return &jobs->v[i];
    fail_msg("job %s is not listed", id);
    return NULL;
}

static void the_capture_of_2205_is_understood(void **state)
{
    static const struct {
        const char *id;
        enum sched_state state;
    } all[] = {
        { "3", SCHED_ENDED },    { "16", SCHED_ENDED },   { "1", SCHED_ENDED },    { "7", SCHED_FAILED },
        { "12", SCHED_FAILED },  { "11", SCHED_PENDING }, { "14", SCHED_RUNNING }, { "17", SCHED_PENDING },
        { "18", SCHED_PENDING }, { "8", SCHED_RUNNING },  { "19", SCHED_RUNNING }, { "9", SCHED_SUSPENDED },
        { "2", SCHED_ENDED },    { "10", SCHED_PENDING },
    };
    struct slurm_jobs jobs;
    struct err e = { "" };
    size_t len;
    char *text = read_data("squeue-22.05.txt", &len);

    (void)state;
    assert_int_equal(parse(text, len, &jobs, &e), 0);
    assert_int_equal(jobs.n, sizeof(all) / sizeof(all[0]));
    for (size_t i = 0; i < jobs.n; i++)
        assert_int_equal(find(&jobs, all[i].id)->state, all[i].state);

    struct job_info *j = find(&jobs, "8");
    assert_string_equal(j->name, PREFIX "qwen-1");
    assert_string_equal(j->word, "RUNNING");
    assert_string_equal(j->reason, "");
    assert_string_equal(j->nodes, "n1");
    assert_string_equal(j->comment, "traefik,qwen,http://n1:41234,sfs,198.19.0.11");
    assert_int_equal(j->left_s, 29 * 60 + 54);
    assert_int_equal(j->elapsed_s, 6);
    assert_int_equal(j->expected_start, 0);
    assert_int_equal(j->exit_status, -1);

    j = find(&jobs, "17");
    assert_string_equal(j->reason, "Resources");
    assert_string_equal(j->nodes, "");
    assert_string_equal(j->comment, "");
    assert_int_equal(j->expected_start, NOW + (1796145660 - LOGIN));
    assert_int_equal(j->left_s, -1);
    assert_int_equal(j->queue_position, 0);

    assert_string_equal(find(&jobs, "12")->comment, "two\nlines | and a bar");
    assert_string_equal(find(&jobs, "19")->nodes, "n1"); /* component 0 */
    assert_int_equal(find(&jobs, "9")->left_s, 4 * 3600 - 5);
    assert_int_equal(find(&jobs, "11")->queue_position, 1);
    assert_int_equal(find(&jobs, "10")->expected_start, 0);
    slurm_jobs_free(&jobs);
    free(text);
}

static void local_times_give_the_same_as_epoch_seconds(void **state)
{
    struct slurm_jobs jobs;
    struct err e = { "" };
    size_t len;
    char *text = read_data("squeue-22.05-iso.txt", &len);

    (void)state;
    assert_int_equal(parse(text, len, &jobs, &e), 0);
    assert_int_equal(find(&jobs, "17")->expected_start, NOW + (1796145660 - LOGIN));
    slurm_jobs_free(&jobs);
    free(text);
}

static void an_output_cut_at_any_byte_is_a_failure(void **state)
{
    struct slurm_jobs jobs;
    size_t len;
    char *text = read_data("squeue-22.05.txt", &len);
    size_t whole = (size_t)(strstr(text, TAG " end 0\n") + strlen(TAG " end 0\n") - text);

    (void)state;
    for (size_t i = 0; i <= len; i++) {
        struct err e = { "" };
        char *cut = xstrndup(text, 0); /* of its exact size, so that a read behind it is seen */
        cut = xrealloc(cut, i + (i == 0));
        memcpy(cut, text, i);
        int rc = parse(cut, i, &jobs, &e);
        if (i < whole) {
            assert_int_equal(rc, -EPROTO);
            assert_string_not_equal(e.text, "");
        } else {
            assert_int_equal(rc, 0);
            assert_int_equal(jobs.n, 14);
            slurm_jobs_free(&jobs);
        }
        free(cut);
    }
    free(text);
}

static void a_byte_lost_anywhere_makes_no_job_vanish_unseen(void **state)
{
    struct slurm_jobs jobs;
    size_t len;
    char *text = read_data("squeue-22.05.txt", &len);
    char *lossy = xcalloc(1, len);

    (void)state;
    for (size_t i = 0; i < len; i++) {
        struct err e = { "" };
        memcpy(lossy, text, i);
        memcpy(lossy + i, text + i + 1, len - i - 1);
        if (parse(lossy, len - 1, &jobs, &e) == 0) {
            assert_true(jobs.n >= 13); /* a byte of one name's prefix, or of one row's first letters */
            slurm_jobs_free(&jobs);
        }
    }
    free(lossy);
    free(text);
}

static void noise_around_and_between_is_skipped(void **state)
{
    static const char text[] =
        "Welcome to the cluster!\n$ " TAG " now 1 nonsense\nfortune: " TAG "\n\n" TAG "\n" TAG
        " now 100 1970-01-01T00:01:40\nCLUSTER: alvis\n" HEADING TAG "[7|" TAG "|PENDING|" TAG "||" TAG
        "|gpu|" TAG "|160|" TAG "|1:00|" TAG "|0:00|" TAG "|Priority|" TAG "|" PREFIX "m-1|" TAG
        "|(null)]" TAG "\nsqueue: a warning\n\n" TAG " end 0\n" TAG " place 12:7\nbye\n";
    struct slurm_jobs jobs;
    struct err e = { "" };

    (void)state;
    assert_int_equal(parse(text, sizeof(text) - 1, &jobs, &e), 0);
    assert_int_equal(jobs.n, 1);
    assert_string_equal(jobs.v[0].id, "7");
    assert_int_equal(jobs.v[0].queue_position, 12);
    assert_int_equal(jobs.v[0].expected_start, NOW + 60);
    slurm_jobs_free(&jobs);
}

static void an_empty_queue_is_a_whole_answer(void **state)
{
    static const char text[] = "\n" TAG "\n" TAG " now 100 1970-01-01T00:01:40\n" HEADING "\n" TAG " end 0\n";
    struct slurm_jobs jobs;
    struct err e = { "" };

    (void)state;
    assert_int_equal(parse(text, sizeof(text) - 1, &jobs, &e), 0);
    assert_int_equal(jobs.n, 0);
    slurm_jobs_free(&jobs);
}

static void a_queue_without_its_heading_is_no_answer(void **state)
{
    static const char empty[] = "\n" TAG "\n" TAG " now 100 1970-01-01T00:01:40\n\n" TAG " end 0\n";
    static const char odd[] = TAG "\n" TAG " now 100 1970-01-01T00:01:40\nwhat?\nhm\n\n" TAG " end 0\n";
    struct slurm_jobs jobs;
    struct err e = { "" };

    (void)state;
    assert_int_equal(parse(empty, sizeof(empty) - 1, &jobs, &e), -EPROTO);
    assert_int_equal(parse(odd, sizeof(odd) - 1, &jobs, &e), -EPROTO);
    assert_string_equal(e.text, "squeue printed no heading but \"what?\"");
}

static void a_status_that_is_not_0_is_a_failure_with_the_status(void **state)
{
    static const char text[] = TAG "\n" TAG " now 100 1970-01-01T00:01:40\n\n" TAG " end 127\n";
    struct slurm_jobs jobs;
    struct err e = { "" };
    int status = 0;

    (void)state;
    assert_int_equal(slurm_parse_queue(text, sizeof(text) - 1, TAG, PREFIX, NOW, &jobs, &status, &e), -EIO);
    assert_int_equal(status, 127);
}

#define ROW(id, state, node, name, comment)                                                                  \
    TAG "[" id "|" TAG "|" state "|" TAG "|" node "|" TAG "|gpu|" TAG "|N/A|" TAG "|1:00|" TAG "|0:01|" TAG  \
        "|None|" TAG "|" name "|" TAG "|" comment "]" TAG "\n"

/* They are told apart from ours, and from those of other mounts. */
static void others_are_jobs_that_run_and_say_where_they_serve(void **state)
{
    static const char text[] = TAG " now 1 1970-01-01T00:00:01\n" HEADING            /* */
        ROW("1", "RUNNING", "n1", PREFIX "qwen-1", "traefik,qwen,http://n1:1")       /* ours */
        ROW("2", "RUNNING", "n1", "sfs-11111111-qwen-1", "traefik,qwen,http://n1:2") /* another mount's */
        ROW("3", "RUNNING", "n2", "hello", "traefik,hello,http://n2:3")              /* */
        ROW("4", "PENDING", "", "hello", "traefik,hello,http://n2:4")                /* requeued: stale */
        ROW("5", "COMPLETING", "n2", "hello", "traefik,hello,http://n2:5")           /* */
        ROW("6", "RUNNING", "n2", "training", "(null)") TAG " end 0\n";
    struct slurm_jobs jobs;
    struct err e = { "" };

    (void)state;
    if (parse(text, strlen(text), &jobs, &e) != 0)
        fail_msg("%s", e.text);
    assert_int_equal(jobs.n, 1);
    assert_int_equal(jobs.n_others, 1);
    assert_string_equal(jobs.others[0].id, "3");
    assert_string_equal(jobs.others[0].nodes, "n2");
    assert_string_equal(jobs.others[0].comment, "traefik,hello,http://n2:3");
    slurm_jobs_free(&jobs);
    assert_int_equal(jobs.n_others, 0);
}

static void there_are_not_more_others_than_a_person_has(void **state)
{
    struct buf text = { 0 };
    struct slurm_jobs jobs;
    struct err e = { "" };

    (void)state;
    buf_adds(&text, TAG " now 1 1970-01-01T00:00:01\n" HEADING);
    for (int i = 0; i < 300; i++)
        buf_adds(&text, ROW("7", "RUNNING", "n1", "hello", "traefik,hello,http://n1:1"));
    buf_adds(&text, TAG " end 0\n");
    assert_int_equal(parse(text.data, text.len, &jobs, &e), 0);
    assert_int_equal(jobs.n_others, 256);
    slurm_jobs_free(&jobs);
    buf_free(&text);
}

static void odd_rows_are_quoted(void **state)
{
    static const char few[] = TAG "\n" TAG " now 1 x\n" TAG "[7|" TAG "|PENDING]" TAG "\n" TAG " end 0\n";
    static const char cut[] =
        TAG "\n" TAG " now 1 x\n" TAG "[7|" TAG "|PEND\n" TAG "[8|" TAG "|R]" TAG "\n" TAG " end 0\n";
    struct slurm_jobs jobs;
    struct err e = { "" };

    (void)state;
    assert_int_equal(parse(few, sizeof(few) - 1, &jobs, &e), -EPROTO);
    assert_non_null(strstr(e.text, "2 fields"));
    assert_int_equal(parse(cut, sizeof(cut) - 1, &jobs, &e), -EPROTO);
    assert_non_null(strstr(e.text, "PEND"));
}

static void a_thousand_rows_take_less_than_5_ms(void **state)
{
    struct buf b = { 0 };
    struct slurm_jobs jobs;
    struct err e = { "" };
    uint64_t best = UINT64_MAX;

    (void)state;
    buf_adds(&b, TAG "\n" TAG " now 100 1970-01-01T00:01:40\n" HEADING);
    for (int i = 1; i <= 1000; i++)
        buf_addf(&b,
                 TAG "[%d|" TAG "|RUNNING|" TAG "|n[1-2]|" TAG "|gpu|" TAG "|100|" TAG "|1-02:03:04|" TAG
                     "|0:06|" TAG "|None|" TAG "|" PREFIX "m-%d|" TAG "|traefik,m,http://n1:41234]" TAG "\n",
                 i, i);
    buf_adds(&b, "\n" TAG " end 0\n");
    for (int i = 0; i < 5; i++) {
        uint64_t begin = uv_hrtime();
        assert_int_equal(parse(b.data, b.len, &jobs, &e), 0);
        uint64_t took = uv_hrtime() - begin;
        best = took < best ? took : best;
        assert_int_equal(jobs.n, 1000);
        assert_string_equal(jobs.v[999].id, "1000");
        slurm_jobs_free(&jobs);
    }
    buf_free(&b);
}

static void durations_of_slurm_are_seconds(void **state)
{
    (void)state;
    assert_int_equal(slurm_parse_elapsed("0:00"), 0);
    assert_int_equal(slurm_parse_elapsed("4:56"), 296);
    assert_int_equal(slurm_parse_elapsed("1:00:00"), 3600);
    assert_int_equal(slurm_parse_elapsed("2-03:04:05"), 2 * 86400 + 3 * 3600 + 4 * 60 + 5);
    static const char *const none[] = { "",      "UNLIMITED", "N/A",  "INVALID", "NOT_SET",
                                        "5",     "1-",        "1:",   ":1",      "1:2:3:4",
                                        "1-2:3", "-1:00",     "1:-2", "1:00x",   "999999999:00" };
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_int_equal(slurm_parse_elapsed(none[i]), -1);
}

static int id_of(const char *out, char id[SLURM_ID_SIZE])
{
    return slurm_parse_id(out, strlen(out), TAG, id);
}

static void the_id_is_what_stands_behind_the_tag(void **state)
{
    char id[SLURM_ID_SIZE];

    (void)state;
    assert_int_equal(id_of("\n" TAG "\n4711\n", id), 0);
    assert_string_equal(id, "4711");
    assert_int_equal(id_of("Room 12\n99\n\n" TAG "\n4712;alvis\n", id), 0);
    assert_string_equal(id, "4712");
    assert_int_equal(id_of(TAG "\nYour quota is 80 % used.\n4713\nHave 1 nice day\n", id), 0);
    assert_string_equal(id, "4713");
}

static void what_is_no_id_is_not_taken_for_one(void **state)
{
    static const char *const lies[] = {
        "",
        "4711\n", /* before any tag */
        "99\n" TAG "\n",
        TAG "\n4711", /* may be the beginning of a longer one */
        TAG "\n0\n",
        TAG "\n-5\n",
        TAG "\nabc\n",
        TAG "\n12 34\n",
        TAG "\n12;\n",
        TAG "\n12;a b\n",
        TAG "\nSubmitted batch job 12\n",
        TAG "\n123456789012345\n",
        "x" TAG "\n12\n",
    };
    char id[SLURM_ID_SIZE] = "kept";

    (void)state;
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        assert_int_equal(id_of(lies[i], id), -ENOENT);
        assert_string_equal(id, "kept");
    }
}

static void assert_words(const char *errout, const char *expected)
{
    char *words = slurm_words(errout, strlen(errout), TAG);

    assert_string_equal(words, expected);
    free(words);
}

static void the_words_are_those_of_slurm(void **state)
{
    (void)state;
    assert_words(
        "bash: warning: setlocale: LC_ALL\n\n" TAG "\nsbatch: error: invalid partition specified: nope\n"
        "sbatch: error: Batch job submission failed: Invalid partition name specified\n",
        "invalid partition specified: nope; Batch job submission failed: Invalid partition name specified");
    assert_words(TAG "\nslurm_load_jobs error: Unable to contact slurm controller (connect failure)\n",
                 "Unable to contact slurm controller (connect failure)");
    assert_words(TAG "\nsh: 1: exec: sbatch: not found\n", "sh: 1: exec: sbatch: not found");
    assert_words("This account is currently not available.\n", "This account is currently not available.");
    assert_words(TAG
                 "\nsbatch: unrecognized option '--nonsense=5'\nTry \"sbatch --help\" for more information\n",
                 "sbatch: unrecognized option '--nonsense=5'");
    assert_words(TAG "\n", "");
    assert_words("", "");
    assert_words(TAG "\nsbatch: error: one\r\nsbatch: Note: two", "one");
}

static void long_words_are_cut_to_a_sentence(void **state)
{
    char text[3000];
    size_t n = (size_t)sprintf(text, TAG "\n");

    (void)state;
    while (n < 2900)
        n += (size_t)sprintf(text + n, "sbatch: error: again and again\n");
    char *words = slurm_words(text, n, TAG);
    assert_int_equal(strlen(words), 400);
    assert_string_equal(words + 400 - strlen("again and again"), "again and again");
    free(words);
}

static void words_about_the_connection_leave_the_outcome_open(void **state)
{
    (void)state;
    assert_true(slurm_words_unsure("Batch job submission failed: Socket timed out on send/recv operation"));
    assert_true(slurm_words_unsure("Unable to contact slurm controller (connect failure)"));
    assert_false(slurm_words_unsure("Batch job submission failed: Invalid partition name specified"));
}

static int cancel_of(const char *errout, size_t n)
{
    return slurm_parse_cancel(errout, strlen(errout), TAG, n);
}

static void what_scancel_says_is_classified(void **state)
{
    static const char unknown[] =
        TAG "\nscancel: error: Kill job error on job id 9999: Invalid job id specified\n";

    (void)state;
    assert_int_equal(cancel_of(TAG "\n", 1), 0);
    assert_int_equal(cancel_of(unknown, 1), -ENOENT);
    assert_int_equal(cancel_of(unknown, 2), 0);
    assert_int_equal(
        cancel_of(TAG "\nscancel: error: Kill job error on job id 8: Access/permission denied\n", 1),
        -EACCES);
    assert_int_equal(
        cancel_of(
            TAG "\nscancel: error: Kill job error on job id 5: Socket timed out on send/recv operation\n", 1),
        -EIO);
    assert_int_equal(
        cancel_of(TAG
                  "\nscancel: error: Kill job error on job id 5: Job/step already completing or completed\n",
                  1),
        0);
    assert_int_equal(cancel_of("scancel: error: from before\n" TAG "\n", 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_capture_of_2205_is_understood),
        cmocka_unit_test(local_times_give_the_same_as_epoch_seconds),
        cmocka_unit_test(an_output_cut_at_any_byte_is_a_failure),
        cmocka_unit_test(a_byte_lost_anywhere_makes_no_job_vanish_unseen),
        cmocka_unit_test(noise_around_and_between_is_skipped),
        cmocka_unit_test(an_empty_queue_is_a_whole_answer),
        cmocka_unit_test(a_queue_without_its_heading_is_no_answer),
        cmocka_unit_test(a_status_that_is_not_0_is_a_failure_with_the_status),
        cmocka_unit_test(others_are_jobs_that_run_and_say_where_they_serve),
        cmocka_unit_test(there_are_not_more_others_than_a_person_has),
        cmocka_unit_test(odd_rows_are_quoted),
        cmocka_unit_test(a_thousand_rows_take_less_than_5_ms),
        cmocka_unit_test(durations_of_slurm_are_seconds),
        cmocka_unit_test(the_id_is_what_stands_behind_the_tag),
        cmocka_unit_test(what_is_no_id_is_not_taken_for_one),
        cmocka_unit_test(the_words_are_those_of_slurm),
        cmocka_unit_test(long_words_are_cut_to_a_sentence),
        cmocka_unit_test(words_about_the_connection_leave_the_outcome_open),
        cmocka_unit_test(what_scancel_says_is_classified),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
