/* SPDX-License-Identifier: MIT */
#include "rig.h"

static void every_state_of_slurm_has_its_meaning(void **state)
{
    static const struct {
        const char *word, *code;
        enum sched_state meaning;
    } all[] = {
        { "BOOT_FAIL", "BF", SCHED_FAILED },      { "CANCELLED", "CA", SCHED_ENDED },
        { "COMPLETED", "CD", SCHED_ENDED },       { "CONFIGURING", "CF", SCHED_CONFIGURING },
        { "COMPLETING", "CG", SCHED_ENDING },     { "DEADLINE", "DL", SCHED_FAILED },
        { "FAILED", "F", SCHED_FAILED },          { "NODE_FAIL", "NF", SCHED_LOST },
        { "OUT_OF_MEMORY", "OOM", SCHED_FAILED }, { "PENDING", "PD", SCHED_PENDING },
        { "PREEMPTED", "PR", SCHED_LOST },        { "RUNNING", "R", SCHED_RUNNING },
        { "RESV_DEL_HOLD", "RD", SCHED_PENDING }, { "REQUEUE_FED", "RF", SCHED_PENDING },
        { "REQUEUE_HOLD", "RH", SCHED_PENDING },  { "REQUEUED", "RQ", SCHED_PENDING },
        { "RESIZING", "RS", SCHED_RUNNING },      { "REVOKED", "RV", SCHED_LOST },
        { "SIGNALING", "SI", SCHED_RUNNING },     { "SPECIAL_EXIT", "SE", SCHED_PENDING },
        { "STAGE_OUT", "SO", SCHED_RUNNING },     { "STOPPED", "ST", SCHED_SUSPENDED },
        { "SUSPENDED", "S", SCHED_SUSPENDED },    { "TIMEOUT", "TO", SCHED_FAILED },
    };
    char text[64];

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        assert_int_equal(sched_state_parse(all[i].word), all[i].meaning);
        assert_int_equal(sched_state_parse(all[i].code), all[i].meaning);
        snprintf(text, sizeof(text), "%s by 1000", all[i].word);
        assert_int_equal(sched_state_parse(text), all[i].meaning);
        snprintf(text, sizeof(text), "%s+", all[i].word);
        assert_int_equal(sched_state_parse(text), all[i].meaning);
    }
    assert_int_equal(sched_state_parse("cg"), SCHED_ENDING);
    assert_int_equal(sched_state_parse("running"), SCHED_RUNNING);
    assert_int_equal(sched_state_parse("OUT_OF_ME+"), SCHED_FAILED);
    assert_int_equal(sched_state_parse("COMPLETI+"), SCHED_ENDING);
}

static void a_word_that_is_no_state_is_unknown(void **state)
{
    static const char *const odd[] = { "",          "RUN", "RUNNINGS", "RUNN",  "COMP+",
                                       "NEW_STATE", "+",   "42",       "PENDIN" };

    (void)state;
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        assert_int_equal(sched_state_parse(odd[i]), SCHED_UNKNOWN);
}

static void node_lists_contain_their_nodes(void **state)
{
    static const struct {
        const char *list, *host;
    } in[] = {
        { "n1", "n1" },
        { "n1,n2", "n2" },
        { "alvis7-[01-03,07],login2", "alvis7-02" },
        { "alvis7-[01-03,07],login2", "alvis7-07" },
        { "alvis7-[01-03,07],login2", "login2" },
        { "n[8-12]", "n8" },
        { "n[8-12]", "n12" },
        { "n[008-112]", "n100" },
        { "r[1-2]n[01-04]", "r2n03" },
        { "rack[0-3]-[5,7]x", "rack3-7x" },
        { "N1", "n1" },
        { "n1", "n1.cluster.local" },
        { "n1.cluster.local", "n1" },
        { "n1.cluster.local", "N1.cluster.local" },
        { "n[1-2].cluster.local", "n2" },
        { "127.0.0.1", "127.0.0.1" },
        { "localhost", "localhost" },
        { ",,n1", "n1" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(in) / sizeof(in[0]); i++)
        if (!nodelist_contains(in[i].list, in[i].host))
            fail_msg("%s should be in %s", in[i].host, in[i].list);
}

static void node_lists_contain_nothing_else(void **state)
{
    static const struct {
        const char *list, *host;
    } out[] = {
        { "", "n1" },
        { "n1", "" },
        { "n1", "n" },
        { "n1", "n11" },
        { "n11", "n1" },
        { "n[01-03]", "n1" },
        { "n[1-3]", "n01" },
        { "n[1-3]", "n4" },
        { "n[1-3]", "n" },
        { "n[8-12]", "n08" },
        { "n1.a", "n1.b" },
        { "127.0.0.1", "127" },
        { "10", "10.0.0.1" },
        { "127.0.0.1", "127.0.0.2" },
        { "n[1-3", "n1" },
        { "n]1", "n1" },
        { "n[]", "n" },
        { "n[a-b]", "na" },
        { "n[1-]", "n1" },
        { "n[-1]", "n1" },
        { "n[1-2-3]", "n1" },
        { "n[1-2],evil", "n[1-2]" },
        { "[0-99][0-99][0-99][0-99][0-99][0-99]", "1111111111" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++)
        if (nodelist_contains(out[i].list, out[i].host))
            fail_msg("%s should not be in %s", out[i].host, out[i].list);
}

static void an_unknown_kind_is_an_error_that_lists_the_kinds(void **state)
{
    struct err e = { "" };

    (void)state;
    assert_int_equal(rig_create("pbs", NULL, "", &e), -EINVAL);
    assert_non_null(strstr(e.text, "pbs"));
    assert_non_null(strstr(e.text, "slurm"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_of_slurm_has_its_meaning),
        cmocka_unit_test(a_word_that_is_no_state_is_unknown),
        cmocka_unit_test(node_lists_contain_their_nodes),
        cmocka_unit_test(node_lists_contain_nothing_else),
        cmocka_unit_test_setup_teardown(an_unknown_kind_is_an_error_that_lists_the_kinds, rig_setup,
                                        rig_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
