/* SPDX-License-Identifier: MIT */
/* Questions of ssh: by the helper alone, and by a login with a passphrase at a real shared. */
#include "backend/transport/askpass.h"
#include "sshd_here.h"

struct bench {
    uv_loop_t loop;
    char *runtime;
    /* with a server */
    struct cluster_config cluster;
    struct transport *t;
    struct states states;
    /* without */
    struct askpass *askpass;
    int changes;
};

static char program[4096];

/* One server for all of them: each logs in to it, and none changes it. */
static int prepare_server(void **state)
{
    prepare(state);
    sshd_start(&shared, "");
    return 0;
}

static int begin(void **state)
{
    struct bench *b = NEW(struct bench);

    uv_loop_init(&b->loop);
    b->runtime = fresh_dir();
    *state = b;
    return 0;
}

static int end(void **state)
{
    struct bench *b = *state;

    transport_destroy(b->t);
    askpass_close(b->askpass);
    finish_loop(&b->loop);
    assert_int_equal(our_ssh_processes(), 0);
    assert_int_equal(rmdir(b->runtime), 0); /* nothing is left in it */
    free(b->runtime);
    free(b);
    return 0;
}

/* ---- The helper alone. */

static void changed_cb(void *arg)
{
    ((struct bench *)arg)->changes++;
}

struct helper {
    pid_t pid;
    int out; /* what it prints */
};

/* NULL: without that variable */
static struct helper ask(const char *variable, const char *kind, const char *prompt)
{
    struct helper h;
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    h.pid = fork();
    if (h.pid == 0) {
        dup2(fds[1], 1);
        close(fds[0]);
        close(fds[1]);
        putenv(xstrdup(variable));
        if (kind)
            setenv("SSH_ASKPASS_PROMPT", kind, 1);
        execl(program, program, prompt, (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    h.out = fds[0];
    return h;
}

/* Its exit status; out gets what it printed. */
static int ended(struct helper h, char *out, size_t size)
{
    int status;
    ssize_t n = read(h.out, out, size - 1);

    out[n < 0 ? 0 : n] = '\0';
    close(h.out);
    assert_int_equal(waitpid(h.pid, &status, 0), h.pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void open_askpass(struct bench *b)
{
    char *path = xasprintf("%s/ask", b->runtime);

    assert_int_equal(askpass_open(&b->askpass, &b->loop, path, changed_cb, b, NULL), 0);
    free(path);
}

static void the_answer_is_what_the_helper_prints(void **state)
{
    struct bench *b = *state;
    char out[128];
    bool answerable;
    struct err e;

    open_askpass(b);
    assert_null(askpass_prompt(b->askpass, &answerable));
    assert_int_equal(askpass_answer(b->askpass, "x", 1, &e), -EINVAL);
    struct helper h = ask(askpass_environment(b->askpass), NULL, "Password\x1b:\xff ");
    wait_for(&b->loop, &b->changes, 1);
    assert_string_equal(askpass_prompt(b->askpass, &answerable), "Password :? ");
    assert_true(answerable);
    assert_int_equal(askpass_answer(b->askpass, "open sesame", 11, &e), 0);
    assert_int_equal(b->changes, 2);
    assert_null(askpass_prompt(b->askpass, &answerable));
    assert_int_equal(ended(h, out, sizeof out), 0);
    assert_string_equal(out, "open sesame\n");
}

static void two_that_ask_at_once_are_asked_one_after_the_other(void **state)
{
    struct bench *b = *state;
    char one[64], two[64];
    bool answerable;

    open_askpass(b);
    struct helper h = ask(askpass_environment(b->askpass), NULL, "first");
    wait_for(&b->loop, &b->changes, 1);
    struct helper k = ask(askpass_environment(b->askpass), NULL, "second");
    assert_int_equal(askpass_answer(b->askpass, "1", 1, NULL), 0);
    wait_for(&b->loop, &b->changes, 3);
    assert_string_equal(askpass_prompt(b->askpass, &answerable), "second");
    assert_int_equal(askpass_answer(b->askpass, "", 0, NULL), 0);
    assert_int_equal(ended(h, one, sizeof one), 0);
    assert_int_equal(ended(k, two, sizeof two), 0);
    assert_string_equal(one, "1\n");
    assert_string_equal(two, "\n"); /* an empty answer is one */
}

static void without_the_token_nobody_asks(void **state)
{
    struct bench *b = *state;
    char out[64], *forged = xasprintf("%s=%032d %s/ask", ASKPASS_VARIABLE, 0, b->runtime);
    int never = 0;

    open_askpass(b);
    struct helper h = ask(forged, NULL, "tell me");
    wait_within(&b->loop, &never, 1, 300);
    assert_int_equal(b->changes, 0);
    /* The next one who knows it is heard. */
    struct helper k = ask(askpass_environment(b->askpass), NULL, "honest");
    wait_for(&b->loop, &b->changes, 1);
    assert_int_equal(ended(h, out, sizeof out), 1);
    assert_string_equal(out, "");
    askpass_close(b->askpass);
    b->askpass = NULL;
    assert_int_equal(ended(k, out, sizeof out), 1);
    free(forged);
}

static void a_question_about_trust_is_never_asked(void **state)
{
    struct bench *b = *state;
    static const char *const prompts[] = {
        "Are you sure you want to continue connecting (yes/no/[fingerprint])? ",
        "Please type 'yes', 'no' or the fingerprint: ",
        "Accept updated hostkeys? (yes/no): ",
    };
    char out[64];

    open_askpass(b);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ended(ask(askpass_environment(b->askpass), NULL, prompts[i]), out, sizeof out), 1);
    assert_int_equal(ended(ask(askpass_environment(b->askpass), "confirm", "Allow it?"), out, sizeof out), 1);
    assert_int_equal(b->changes, 0);
}

static void a_notice_is_shown_and_takes_no_answer(void **state)
{
    struct bench *b = *state;
    char out[64];
    bool answerable = true;

    open_askpass(b);
    struct helper h = ask(askpass_environment(b->askpass), "none", "Confirm user presence");
    wait_for(&b->loop, &b->changes, 1);
    assert_string_equal(askpass_prompt(b->askpass, &answerable), "Confirm user presence");
    assert_false(answerable);
    assert_int_equal(askpass_answer(b->askpass, "x", 1, NULL), -EINVAL);
    kill(h.pid, SIGTERM); /* as ssh does once it was touched */
    wait_for(&b->loop, &b->changes, 2);
    assert_null(askpass_prompt(b->askpass, &answerable));
    ended(h, out, sizeof out);
}

/* ---- Logins. */

static void open_transport(struct bench *b, const char *host, uint64_t answer_ms)
{
    struct transport_params p = { .loop = &b->loop,
                                  .cluster = &b->cluster,
                                  .runtime_dir = b->runtime,
                                  .program = program,
                                  .answer_ms = answer_ms,
                                  .state_cb = state_cb,
                                  .arg = &b->states };

    b->cluster = (struct cluster_config){
        .name = "lab", .host = (char *)host, .ssh_config = shared.config, .transport = "openssh"
    };
    assert_int_equal(transport_create(&b->t, &p, NULL), 0);
}

/* Wait for a question other than the number *last, and note its own. */
static const char *next_question(struct bench *b, unsigned *last)
{
    uint64_t end_at = mono_ms() + PATIENCE_MS;
    const char *q = NULL;
    unsigned number = 0;
    int never = 0;

    while ((!(q = transport_question(b->t, &number)) || number == *last) && mono_ms() < end_at)
        wait_within(&b->loop, &never, 1, 20);
    assert_non_null(q);
    assert_int_equal(transport_state(b->t), TRANSPORT_AUTH);
    assert_string_equal(transport_reason(b->t), q);
    *last = number;
    return q;
}

static int answer(struct bench *b, unsigned number, const char *text)
{
    return transport_answer(b->t, number, text, strlen(text), NULL);
}

static void a_passphrase_is_asked_for_and_what_waits_goes_on(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };
    struct dialled d = { 0 };
    unsigned number = 0;
    int port, never = 0, listener = listen_here(&port, 4);

    open_transport(b, "sealed", 0);
    /* Both would give up long before the answer comes, were it not for the question. */
    transport_run(b->t, "echo works", NULL, 0, 5000, 30000, command_cb, &o);
    transport_dial(b->t, "127.0.0.1", port, 30000, dial_cb, &d);
    assert_non_null(strstr(next_question(b, &number), "sealed_key"));
    assert_int_equal(b->states.last, TRANSPORT_AUTH);
    wait_within(&b->loop, &never, 1, 6000);
    assert_int_equal(o.done, 0);
    assert_int_equal(answer(b, number + 1, "open sesame"), -EINVAL);
    assert_int_equal(answer(b, number, "open sesame"), 0);
    wait_for(&b->loop, &o.done, 1);
    assert_string_equal(o.err, "");
    assert_int_equal(o.rc, 0);
    wait_for(&b->loop, &d.done, 1);
    assert_true(d.fd >= 0);
    assert_null(transport_question(b->t, &number));
    close(d.fd);
    close(listener);
    outcome_free(&o);
}

static void a_wrong_answer_is_asked_for_again_and_at_last_refused(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };
    unsigned number = 0;

    open_transport(b, "sealed", 0);
    transport_run(b->t, "true", NULL, 0, 60000, 30000, command_cb, &o);
    for (int i = 0; i < 3; i++) { /* NumberOfPasswordPrompts */
        next_question(b, &number);
        assert_int_equal(answer(b, number, "wrong"), 0);
        assert_int_equal(answer(b, number, "twice"), -EINVAL);
    }
    wait_for(&b->loop, &o.done, 1);
    assert_int_equal(o.rc, -EKEYREJECTED);
    assert_non_null(strstr(o.err, "Permission denied"));
    assert_int_equal(transport_state(b->t), TRANSPORT_DOWN);
    assert_null(strstr(transport_reason(b->t), "wrong"));
    outcome_free(&o);
}

static void a_question_that_nobody_answers_fails_with_a_sentence(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };

    open_transport(b, "sealed", 500);
    transport_run(b->t, "true", NULL, 0, 60000, 30000, command_cb, &o);
    wait_for(&b->loop, &o.done, 1);
    assert_int_equal(o.rc, -EKEYREJECTED);
    assert_non_null(strstr(o.err, "nobody answered \"Enter passphrase for key"));
    assert_int_equal(transport_state(b->t), TRANSPORT_DOWN);
    outcome_free(&o);
}

static void the_end_while_it_asks_leaves_nothing(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };
    unsigned number = 0;

    open_transport(b, "sealed", 0);
    transport_run(b->t, "true", NULL, 0, 60000, 30000, command_cb, &o);
    next_question(b, &number);
    transport_destroy(b->t);
    b->t = NULL;
    assert_int_equal(o.rc, -ECANCELED);
    outcome_free(&o);
}

static void a_login_without_a_question_asks_none(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };

    open_transport(b, "box", 0);
    transport_run(b->t, "true", NULL, 0, 60000, 30000, command_cb, &o);
    wait_for(&b->loop, &o.done, 1);
    assert_int_equal(o.rc, 0);
    outcome_free(&o);
}

static void an_unknown_host_key_is_no_question(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };

    open_transport(b, "stranger", 0);
    transport_run(b->t, "true", NULL, 0, 60000, 30000, command_cb, &o);
    wait_for(&b->loop, &o.done, 1);
    assert_int_equal(o.rc, -EKEYREJECTED);
    assert_non_null(strstr(o.err, "is not known; run `ssh -F"));
    outcome_free(&o);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
        T(the_answer_is_what_the_helper_prints),
        T(two_that_ask_at_once_are_asked_one_after_the_other),
        T(without_the_token_nobody_asks),
        T(a_question_about_trust_is_never_asked),
        T(a_notice_is_shown_and_takes_no_answer),
        T(a_passphrase_is_asked_for_and_what_waits_goes_on),
        T(a_wrong_answer_is_asked_for_again_and_at_last_refused),
        T(a_question_that_nobody_answers_fails_with_a_sentence),
        T(the_end_while_it_asks_leaves_nothing),
        T(a_login_without_a_question_asks_none),
        T(an_unknown_host_key_is_no_question),
    };

    if (getenv(ASKPASS_VARIABLE)) /* ssh starts us */
        return askpass_helper_main(argc, argv);
    assert_true(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, prepare_server, clean);
}
