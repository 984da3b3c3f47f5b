/* SPDX-License-Identifier: MIT */
/* The transport through libssh2: all that openssh_test.c asks of the one through ssh(1), and what is its own: questions
 * without a program that asks them, known hosts read by us, what it cannot do, and the end of its thread. */
#define BENCH_TRANSPORT "ssh2"
#define BENCH_KIND      "ssh2"
#define BENCH_KILLED    137
#define BENCH_PROCESSES 0
#define main            the_same_as_openssh
#include "openssh_test.c"
#undef main

/* libssh2 1.10 forgets the list of methods where it is asked for twice, and two numbers of each ECDSA key: some 100 bytes a
 * login. The second are allocated where the stack is not known further up. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libssh2\nleak:CRYPTO_zalloc\n";
}

static void open_asking(struct bench *b, const char *host, uint64_t answer_ms)
{
    struct transport_params p = { .loop = &b->loop,
                                  .cluster = &b->cluster,
                                  .runtime_dir = b->runtime,
                                  .program = "/bin/true", /* is not started */
                                  .answer_ms = answer_ms,
                                  .state_cb = state_cb,
                                  .arg = &b->states };
    struct err e;

    transport_destroy(b->t);
    b->cluster.host = (char *)host;
    assert_int_equal(transport_create(&b->t, &p, &e), 0);
}

static const char *next_question(struct bench *b, unsigned *number)
{
    uint64_t end_at = mono_ms() + PATIENCE_MS;
    unsigned before = *number;
    const char *q;
    int never = 0;

    while (!(q = transport_question(b->t, number)) || *number == before) {
        assert_true(mono_ms() < end_at);
        wait_within(&b->loop, &never, 1, 20);
    }
    return q;
}

static void give(struct bench *b, unsigned number, const char *text)
{
    struct err e;

    assert_int_equal(transport_answer(b->t, number, text, strlen(text), &e), 0);
    assert_int_equal(transport_answer(b->t, number, text, strlen(text), &e), -EINVAL);
}

static void a_passphrase_is_asked_for_until_it_is_right(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };
    unsigned number = 0;

    open_asking(b, "sealed", 0);
    transport_run(b->t, "echo works", NULL, 0, 60000, 30000, command_cb, &o);
    assert_non_null(strstr(next_question(b, &number), "Enter passphrase for key"));
    assert_int_equal(transport_state(b->t), TRANSPORT_AUTH);
    give(b, number, "wrong");
    assert_non_null(strstr(next_question(b, &number), "sealed_key"));
    give(b, number, "open sesame");
    wait_for(&b->loop, &o.done, 1);
    assert_string_equal(o.err, "");
    assert_non_null(strstr(buf_str(&o.out), "works\n"));
    outcome_free(&o);
}

static void three_wrong_answers_are_a_refusal(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };
    unsigned number = 0;

    open_asking(b, "sealed", 0);
    transport_run(b->t, "true", NULL, 0, 60000, 30000, command_cb, &o);
    for (int i = 0; i < 3; i++) {
        next_question(b, &number);
        give(b, number, "wrong");
    }
    wait_for(&b->loop, &o.done, 1);
    assert_int_equal(o.rc, -EKEYREJECTED);
    assert_non_null(strstr(o.err, "Permission denied (publickey)"));
    assert_int_equal(transport_state(b->t), TRANSPORT_DOWN);
    outcome_free(&o);
}

static void nobody_is_asked_for_ever(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };

    open_asking(b, "sealed", 500);
    run(b, "true", NULL, 60000, &o);
    assert_int_equal(o.rc, -EKEYREJECTED);
    assert_non_null(strstr(o.err, "nobody answered \"Enter passphrase for key"));
    outcome_free(&o);
}

static void its_end_while_it_asks_leaves_nothing(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };
    unsigned number = 0;

    open_asking(b, "sealed", 0);
    transport_run(b->t, "true", NULL, 0, 60000, 30000, command_cb, &o);
    next_question(b, &number);
    transport_destroy(b->t);
    b->t = NULL;
    assert_int_equal(o.rc, -ECANCELED);
    outcome_free(&o);
}

/* sshd, which asks no questions here, is not to see a key that it does not take with a passphrase asked for. */
static void a_key_that_the_host_does_not_take_asks_for_no_passphrase(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };

    shell("cd %s && ssh-keygen -q -t ed25519 -N secret -f useless_key && "
          "sed 's/sealed_key/useless_key/' ssh_config > ssh_config.useless",
          b->sshd.dir);
    char *config = xasprintf("%s/ssh_config.useless", b->sshd.dir);
    b->cluster.ssh_config = config;
    open_asking(b, "sealed", 0);
    run(b, "true", NULL, 60000, &o);
    assert_int_equal(o.rc, -EKEYREJECTED);
    assert_non_null(strstr(o.err, "Permission denied"));
    shell("rm %s/useless_key*", b->sshd.dir);
    outcome_free(&o);
    free(config);
}

static void use_config(struct bench *b, const char *edit)
{
    shell("cd %s && sed '%s' ssh_config > ssh_config.edited", b->sshd.dir, edit);
    b->cluster.ssh_config = xasprintf("%s/ssh_config.edited", b->sshd.dir);
    use_host(b, "box");
}

static void forget_config(struct bench *b)
{
    free(b->cluster.ssh_config);
    b->cluster.ssh_config = b->sshd.config;
}

static void hashed_names_and_keys_of_ecdsa_are_known(void **state)
{
    struct bench *b = *state;

    shell(
        "cd %s && rm -f ec_key* && ssh-keygen -q -t ecdsa -N '' -f ec_key && cat ec_key.pub >> authorized && "
        "cp known known_hashed && ssh-keygen -q -H -f known_hashed 2> /dev/null && ! grep -q 127.0.0.1 "
        "known_hashed",
        b->sshd.dir);
    use_config(b, "s/user_key/ec_key/; s,/known$,/known_hashed,");
    assert_works(b);
    forget_config(b);
}

/* The file that is named is the public half; IdentitiesOnly lets the agent sign with that one alone. */
static void an_agent_signs_with_the_key_whose_public_half_is_named(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };

    shell("cd %s && rm -f rsa_key* agent && ssh-keygen -q -t rsa -b 2048 -N '' -f rsa_key && "
          "cat rsa_key.pub >> authorized && eval $(ssh-agent -a $PWD/agent) > agent.out && "
          "echo $SSH_AGENT_PID > agent.pid && ssh-add -q rsa_key && ssh-add -q user_key",
          b->sshd.dir);
    char *agent =
        xasprintf("s,IdentityAgent none,IdentityAgent %s/agent,; s/user_key/user_key.pub/", b->sshd.dir);
    use_config(b, agent);
    assert_works(b);
    forget_config(b);
    strcpy(strstr(agent, "user_key.pub"), "rsa_key.pub/");
    use_config(b, agent);
    run(b, "true", NULL, 60000, &o);
    assert_int_equal(o.rc, -EKEYREJECTED);
    assert_non_null(strstr(o.err, "RSA keys with SHA-2 cannot be used by libssh2"));
    assert_non_null(strstr(o.err, "transport = \"openssh\""));
    forget_config(b);
    shell("cd %s && kill $(cat agent.pid) && rm -f rsa_key* agent*", b->sshd.dir);
    outcome_free(&o);
    free(agent);
}

static void a_revoked_host_key_is_refused(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };

    shell("cd %s && { cat known; sed 's/^/@revoked /' known; } > known_revoked", b->sshd.dir);
    use_config(b, "s,/known$,/known_revoked,");
    run(b, "true", NULL, 60000, &o);
    assert_int_equal(o.rc, -EKEYREJECTED);
    assert_non_null(strstr(o.err, "@revoked"));
    forget_config(b);
    outcome_free(&o);
}

static void what_libssh2_cannot_do_is_named(void **state)
{
    static const struct {
        const char *edit, *word;
    } rows[] = {
        { "s/^ HostName.*/&\\n ProxyJump nowhere/", "ProxyJump nowhere" },
        { "s/^ HostName.*/&\\n ProxyCommand nc x 1/", "ProxyCommand nc x 1" },
        { "s/^ HostName.*/&\\n CertificateFile \\/c/", "CertificateFile /c" },
    };
    struct bench *b = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct outcome o = { 0 };
        use_config(b, rows[i].edit);
        run(b, "true", NULL, 60000, &o);
        assert_int_equal(o.rc, -EHOSTUNREACH);
        assert_non_null(strstr(o.err, rows[i].word));
        assert_non_null(strstr(o.err, "transport = \"openssh\""));
        assert_int_equal(transport_state(b->t), TRANSPORT_DOWN);
        forget_config(b);
        outcome_free(&o);
    }
}

static void when_sshd_is_killed_all_ends_and_the_next_need_logs_in_again(void **state)
{
    struct bench *b = *state;
    struct outcome o = { 0 };
    int port;
    pid_t server = echo_server(&port);
    int fd = open_stream(b, port), never = 0;

    transport_run(b->t, "echo begun; exec sleep 60", NULL, 0, 60000, 60000, command_cb, &o);
    wait_within(&b->loop, &never, 1, 1000);
    sshd_kill(&b->sshd);
    wait_for(&b->loop, &o.done, 1);
    assert_int_equal(o.rc, -ECONNRESET);
    free(read_until(&b->loop, fd, NULL)); /* its end */
    close(fd);
    sshd_start(&b->sshd, "");
    assert_works(b);
    assert_int_equal(transport_logins(b->t), 2);
    end_child(server);
    outcome_free(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_passphrase_is_asked_for_until_it_is_right),
        T(three_wrong_answers_are_a_refusal),
        T(nobody_is_asked_for_ever),
        T(its_end_while_it_asks_leaves_nothing),
        T(a_key_that_the_host_does_not_take_asks_for_no_passphrase),
        T(hashed_names_and_keys_of_ecdsa_are_known),
        T(an_agent_signs_with_the_key_whose_public_half_is_named),
        T(a_revoked_host_key_is_refused),
        T(what_libssh2_cannot_do_is_named),
        T(when_sshd_is_killed_all_ends_and_the_next_need_logs_in_again),
    };

    int failed = the_same_as_openssh();
    return failed + cmocka_run_group_tests(tests, prepare, clean);
}
