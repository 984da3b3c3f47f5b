/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "backend/engine/engine.h"

static struct job_notice parsed(const char *line)
{
    struct job_notice n;

    assert_int_equal(job_notice_parse(line, &n), 0);
    return n;
}

static void test_lines(void **state)
{
    struct job_notice n;

    (void)state;
    n = parsed("job node=alvis7-07 pid=4711");
    assert_int_equal(n.kind, NOTICE_JOB);
    assert_string_equal(n.host, "alvis7-07");
    n = parsed("listening host=n1.cluster port=20123 addr=10.0.0.7");
    assert_int_equal(n.kind, NOTICE_LISTENING);
    assert_string_equal(n.host, "n1.cluster");
    assert_string_equal(n.addr, "10.0.0.7");
    assert_int_equal(n.port, 20123);
    n = parsed("listening host=n1 port=1 more=later");
    assert_string_equal(n.addr, "");
    n = parsed("exit status=137");
    assert_int_equal(n.kind, NOTICE_EXIT);
    assert_int_equal(n.status, 137);
    n = parsed("signal number=15");
    assert_int_equal(n.kind, NOTICE_SIGNAL);
    assert_int_equal(n.status, 15);
    assert_int_equal(parsed("lease").kind, NOTICE_LEASE);
    n = parsed("progress value=0.43 text=pulling a value=0.9");
    assert_int_equal(n.kind, NOTICE_PROGRESS);
    assert_true(n.value > 0.42 && n.value < 0.44);
    assert_string_equal(n.text, "pulling a value=0.9");
    n = parsed("progress text=pulling b value=0.9");
    assert_true(n.value < 0);
    assert_string_equal(n.text, "pulling b value=0.9");
    n = parsed("exposed to=cluster");
    assert_int_equal(n.kind, NOTICE_EXPOSED);
    assert_string_equal(n.text, "cluster");
    assert_string_equal(parsed("exposed to=node").text, "node");
    n = parsed("error text=no = \"way\"\tout");
    assert_int_equal(n.kind, NOTICE_ERROR);
    assert_string_equal(n.text, "no = \"way\" out");
}

static void test_long_error(void **state)
{
    char line[2000] = "error text=";
    struct job_notice n;

    (void)state;
    memset(line + strlen(line), '\xff', 1900);
    n = parsed(line);
    assert_in_range(strlen(n.text), 300, 399);
    assert_int_equal(n.text[0], '?');
}

static void test_others(void **state)
{
    static const char *const lines[] = {
        "",
        "jobs node=a",
        "job",
        "job pid=1",
        "listening",
        "listening host=a",
        "listening host=a port=0",
        "listening host=a port=65536",
        "listening host=a port=99999999999",
        "listening host=a port=-1",
        "listening host=a port=80x",
        "listening host= port=80",
        "listening host=-oProxyCommand=x port=80",
        "listening host=a;b port=80",
        "listening host=a port=80 addr=$(x)",
        "listening host=a port=80 addr=",
        "exit",
        "exit status=256",
        "exit status=",
        "error",
        "error texts=x",
        "progress",
        "progress value=0.5",
        "progress value=2 text=x",
        "progress value=nan text=x",
        "progress value=-0.5 text=x",
        "progress value=0.5x text=x",
        "exposed",
        "exposed to=",
        "exposed to=nodes",
        "exposed to=all",
        "Welcome to the cluster",
    };
    struct job_notice n = { .port = 7 };

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_int_equal(job_notice_parse(lines[i], &n), -EINVAL);
    assert_int_equal(n.port, 7);
}

static void test_comments(void **state)
{
    char host[256], addr[64];
    int port;

    (void)state;
    assert_int_equal(comment_parse("traefik,qwen,http://n1:20001,sfs,10.0.0.1", host, &port, addr), 0);
    assert_string_equal(host, "n1");
    assert_string_equal(addr, "10.0.0.1");
    assert_int_equal(port, 20001);
    assert_int_equal(comment_parse("traefik,qwen,http://n1:20001,sfs,10.0.0.1,later,more", host, &port, addr),
                     0);
    assert_string_equal(addr, "10.0.0.1");
    assert_int_equal(comment_parse("traefik,qwen,http://n2:1", host, &port, addr), 0);
    assert_string_equal(host, "n2");
    assert_string_equal(addr, "");
    assert_int_equal(comment_parse("traefik,qwen,http://n2:1,sfs", host, &port, addr), 0);
    assert_string_equal(addr, "");
}

static void test_comment_fields(void **state)
{
    char host[256], addr[64];
    int port;

    (void)state;
    assert_int_equal(
        comment_parse("traefik,qwen,http://n1:20001,sfs,10.0.0.1,lease=signal", host, &port, addr), 0);
    assert_string_equal(addr, "10.0.0.1");
    assert_int_equal(comment_parse("traefik,qwen,http://n1:20001,sfs,lease=signal", host, &port, addr), 0);
    assert_string_equal(addr, "");
    assert_int_equal(comment_parse("sfs,lease=signal", host, &port, addr), -EINVAL);
    assert_true(comment_has("traefik,qwen,http://n1:20001,sfs,10.0.0.1,lease=signal", "lease=signal"));
    assert_true(comment_has("sfs,lease=signal", "lease=signal"));
    assert_true(comment_has("sfs,lease=signal,later", "lease=signal"));
    assert_false(comment_has("lease=signal", "lease=signal"));
    assert_false(comment_has("lease=signal,sfs", "lease=signal"));
    assert_false(comment_has("sfs,lease=signals", "lease=signal"));
    assert_false(comment_has("", "lease=signal"));
}

static void test_foreign_comments(void **state)
{
    static const char *const comments[] = {
        "",
        "(null)",
        "traefik",
        "traefik,qwen",
        "traefik,qwen,https://n1:1",
        "traefik,qwen,http://n1",
        "traefik,qwen,http://n1:",
        "traefik,qwen,http://:1",
        "traefik,qwen,http://n1:1/x",
        "traefik,qwen,http://n 1:1",
        "traefik,qwen,http://n1:1,sfs,",
        "traefik,qwen,http://n1:1,sfs,a b",
        "Traefik,qwen,http://n1:1",
    };
    char host[256] = "kept", addr[64] = "kept";
    int port = 7;

    (void)state;
    for (size_t i = 0; i < sizeof comments / sizeof comments[0]; i++)
        assert_int_equal(comment_parse(comments[i], host, &port, addr), -EINVAL);
    assert_string_equal(host, "kept");
    assert_string_equal(addr, "kept");
    assert_int_equal(port, 7);
}

#define TEST(sentence, function)                                                                             \
    {                                                                                                        \
        sentence, function, NULL, NULL, NULL                                                                 \
    }

static void test_verified(void **state)
{
    (void)state;
    assert_true(comment_is_verified("traefik,q,http://n1:5,sfs"));
    assert_true(comment_is_verified("traefik,q,http://n1:5,sfs,10.0.0.1,more"));
    assert_false(comment_is_verified("traefik,q,http://n1:5"));
    assert_false(comment_is_verified("traefik,q,http://n1:5,sfsx"));
    assert_false(comment_is_verified("traefik,sfs,http://n1:5,more,sfs"));
    assert_false(comment_is_verified(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("every line of a job is understood", test_lines),
        TEST("a long error of odd bytes is cut and made readable", test_long_error),
        TEST("lines that are none of ours are refused and change nothing", test_others),
        TEST("an address is found in a Comment", test_comments),
        TEST("further fields of a Comment are found behind ours", test_comment_fields),
        TEST("a Comment that is none of ours is refused and changes nothing", test_foreign_comments),
        TEST("a Comment that our script has verified is told from others", test_verified),
    };

    return cmocka_run_group_tests_name("notice", tests, NULL, NULL);
}
