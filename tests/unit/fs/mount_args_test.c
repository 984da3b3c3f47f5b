/* SPDX-License-Identifier: MIT */
/* The command line of the mount program, as people, mount(8), fstab and systemd give it. */
#include "fs/mount_args.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define WORDS_MAX 12

static const struct {
    const char *line;       /* cut at blanks */
    const char *mountpoint; /* NULL: refused, and config is a part of the sentence */
    const char *config, *options;
} lines[] = {
    { "mount /m", "/m", NULL, "" },
    { "mount c.toml /m", "/m", "c.toml", "" },
    { "mount default /m", "/m", NULL, "" },
    { "mount /m -o ro,allow_other", "/m", NULL, "ro,allow_other" },
    { "mount /m -oro", "/m", NULL, "ro" },
    { "mount -o ro /m -o nosuid", "/m", NULL, "ro,nosuid" },
    { "mount c.toml /m -n -s -t slullamafs -N 4 -o rw,noauto,user=me,_netdev,x-systemd.automount", "/m",
      "c.toml", "rw" },
    { "mount /m -o nofail,comment=x,ro", "/m", NULL, "ro" },
    { "mount /m -o dev,suid,auto_unmount,fsname=other,subtype=other", "/m", NULL, "" },
    { "mount /m -o context=a:b", "/m", NULL, "context=a:b" },
    { "mount /m -o config=c.toml", "/m", "c.toml", "" },
    { "mount /m --config c.toml", "/m", "c.toml", "" },
    { "mount /m --config=c.toml", "/m", "c.toml", "" },
    { "mount /m -c c.toml", "/m", "c.toml", "" },
    { "mount /m -o", NULL, "option -o takes a value", NULL },
    { "mount /m -c", NULL, "option -c takes a value", NULL },
    { "mount /m -o bogus", NULL, "unknown mount option \"bogus\"", NULL },
    { "mount /m -o ro,xyz", NULL, "unknown mount option \"xyz\"", NULL },
    { "mount /m -o allow_others", NULL, "unknown mount option \"allow_others\"", NULL },
    { "mount /m -q", NULL, "unknown option \"-q\"", NULL },
    { "mount /m -fq", NULL, "unknown option \"-fq\"", NULL },
    { "mount /m --bogus", NULL, "unknown option \"--bogus\"", NULL },
    { "mount a b c", NULL, "too many arguments: \"c\"", NULL },
    { "mount", NULL, "no mount point", NULL },
    { "mount -f", NULL, "no mount point", NULL },
};

static int parse(char *line, struct mount_args *out, struct err *e)
{
    char *argv[WORDS_MAX + 1] = { 0 }, *rest;
    int n = 0;

    for (char *w = strtok_r(line, " ", &rest); w && n < WORDS_MAX; w = strtok_r(NULL, " ", &rest))
        argv[n++] = w;
    return mount_args_parse(n, argv, out, e);
}

static void same_or_null(const char *line, const char *got, const char *want)
{
    if (!got != !want || (want && strcmp(got, want) != 0))
        fail_msg("%s: %s instead of %s", line, got ? got : "nothing", want ? want : "nothing");
}

static void each_form_is_understood_or_refused_with_the_word_in_question(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char line[256];
        struct mount_args a;
        struct err e = { 0 };
        snprintf(line, sizeof line, "%s", lines[i].line);
        int rc = parse(line, &a, &e);
        if (lines[i].mountpoint) {
            if (rc < 0)
                fail_msg("%s: %s", lines[i].line, e.text);
            same_or_null(lines[i].line, a.mountpoint, lines[i].mountpoint);
            same_or_null(lines[i].line, a.config, lines[i].config);
            same_or_null(lines[i].line, buf_str(&a.fuse_options), lines[i].options);
        } else {
            assert_int_equal(rc, -EINVAL);
            if (!strstr(e.text, lines[i].config))
                fail_msg("%s: %s", lines[i].line, e.text);
        }
        mount_args_finish(&a);
    }
}

static void an_empty_word_is_refused(void **state)
{
    char *forms[][4] = { { "mount", "", NULL },
                         { "mount", "", "/m", NULL },
                         { "mount", "c.toml", "", NULL },
                         { "mount", "/m", "--config=", NULL } };
    struct mount_args a;

    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct err e = { 0 };
        assert_int_equal(mount_args_parse(forms[i][2] ? 3 : 2, forms[i], &a, &e), -EINVAL);
        assert_non_null(strstr(e.text, "an empty word"));
        mount_args_finish(&a);
    }
}

static void flags_may_stand_in_one_word(void **state)
{
    char line[] = "mount -fv /m", apart[] = "mount /m -f --verbose", none[] = "mount /m";
    struct mount_args a;
    struct err e = { 0 };

    (void)state;
    assert_int_equal(parse(line, &a, &e), 0);
    assert_true(a.foreground && a.verbose);
    mount_args_finish(&a);
    assert_int_equal(parse(apart, &a, &e), 0);
    assert_true(a.foreground && a.verbose);
    mount_args_finish(&a);
    assert_int_equal(parse(none, &a, &e), 0);
    assert_false(a.foreground || a.verbose || a.help || a.version);
    mount_args_finish(&a);
}

static void help_and_version_need_no_mount_point(void **state)
{
    char help[] = "mount --help", version[] = "mount -V";
    struct mount_args a;
    struct err e = { 0 };

    (void)state;
    assert_int_equal(parse(help, &a, &e), 0);
    assert_true(a.help);
    mount_args_finish(&a);
    assert_int_equal(parse(version, &a, &e), 0);
    assert_true(a.version);
    mount_args_finish(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_is_understood_or_refused_with_the_word_in_question),
        cmocka_unit_test(an_empty_word_is_refused),
        cmocka_unit_test(flags_may_stand_in_one_word),
        cmocka_unit_test(help_and_version_need_no_mount_point),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
