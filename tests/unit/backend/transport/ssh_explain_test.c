/* SPDX-License-Identifier: MIT */
/* What ssh(1) said when it ended, and the one line that is told of it. The samples are of OpenSSH 9.2; carriage returns are
 * blanks by then (ssh_said.c). */
#include "waiting.h"
#include "backend/transport/ssh_explain.h"

static void the_line_that_tells_is_told(void **state)
{
    static const struct {
        const char *said, *told;
    } rows[] = {
        { "Welcome\nssh: connect to host 198.18.3.2 port 22: Connection refused \n",
          "lab: ssh: connect to host 198.18.3.2 port 22: Connection refused" },
        { "ssh: Could not resolve hostname jump: Name or service not known \nConnection closed by UNKNOWN "
          "port 65535 \n",
          "lab: ssh: Could not resolve hostname jump: Name or service not known" },
        { "ssh: connect to host jump port 22: Connection timed out \nConnection closed by UNKNOWN port 65535 "
          "\n",
          "lab: ssh: connect to host jump port 22: Connection timed out" },
        { "channel 0: open failed: connect failed: No route to host \nstdio forwarding failed \n"
          "Connection closed by UNKNOWN port 65535 \n",
          "lab: channel 0: open failed: connect failed: No route to host" },
        { "channel 3: open failed: connect failed: Connection refused \nTimeout, server lab not responding. "
          "\n",
          "lab: Timeout, server lab not responding." },
        { "Connection closed by 198.18.3.2 port 22 \n", "lab: Connection closed by 198.18.3.2 port 22" },
        { " \n", "lab: the login ended, and ssh does not say why" },
    };
    struct cluster_config c = { .name = "x", .host = "lab", .ssh_config = "" };
    struct ssh_failure f;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ssh_explain(&c, rows[i].said, "the login", &f);
        assert_int_equal(f.rc, -EHOSTUNREACH);
        assert_false(f.final);
        assert_string_equal(f.why.text, rows[i].told);
    }
}

static void a_refusal_is_quoted_without_blanks_at_its_end(void **state)
{
    struct cluster_config c = { .name = "x", .host = "lab", .ssh_config = "" };
    struct ssh_failure f;

    (void)state;
    ssh_explain(&c, "ada@lab: Permission denied (publickey). \n", "the login", &f);
    assert_int_equal(f.rc, -EKEYREJECTED);
    assert_true(f.final);
    assert_string_equal(
        f.why.text, "lab refuses the login: ada@lab: Permission denied (publickey).; `ssh lab` has to work, "
                    "and what it asks is asked in clusters/x/auth");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_that_tells_is_told),
        cmocka_unit_test(a_refusal_is_quoted_without_blanks_at_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
