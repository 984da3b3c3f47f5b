/* SPDX-License-Identifier: MIT */
/* Documents that TOML 1.0 allows, with what they mean as JSON, and documents that it forbids, with a part of
 * the message. Written after the text of toml.io/en/v1.0.0, section by section. */
#include "backend/base/alloc.h"
#include "backend/base/buf.h"
#include "backend/base/toml.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct row {
    const char *toml;
    const char *result; /* JSON, or a part of the message */
};

static const struct row valid[] = {
    /* comments, blanks, line ends */
    { "", "{}" },
    { "\n\n  \t\n", "{}" },
    { "# only a comment", "{}" },
    { "# tab\tis fine \xC3\xA9\n", "{}" },
    { "a = 1 # comment", "{\"a\":1}" },
    { "\ta\t=\t1\t", "{\"a\":1}" },
    { "a = 1\r\nb = 2\r\n", "{\"a\":1,\"b\":2}" },
    { "a = 1 # c\r\n", "{\"a\":1}" },
    { "\xEF\xBB\xBF"
      "a = 1",
      "{\"a\":1}" },
    /* keys */
    { "bare_key-1 = 1", "{\"bare_key-1\":1}" },
    { "1234 = 1", "{\"1234\":1}" },
    { "- = 1\n_ = 2", "{\"-\":1,\"_\":2}" },
    { "\"127.0.0.1\" = 1", "{\"127.0.0.1\":1}" },
    { "\"\" = 1", "{\"\":1}" },
    { "'' = 1", "{\"\":1}" },
    { "'q\"q' = 1", "{\"q\\\"q\":1}" },
    { "\"\\u00e9\" = 1", "{\"\xC3\xA9\":1}" },
    { "\"a\\tb\" = 1", "{\"a\\tb\":1}" },
    { "a.b = 1\na.c = 2", "{\"a\":{\"b\":1,\"c\":2}}" },
    { "a . \"b.c\" . d = 1", "{\"a\":{\"b.c\":{\"d\":1}}}" },
    { "3.14 = 1", "{\"3\":{\"14\":1}}" },
    { "a.b.c = 1\nd = 2\na.b.e = 3", "{\"a\":{\"b\":{\"c\":1,\"e\":3}},\"d\":2}" },
    { "true = 1\ninf = 2", "{\"true\":1,\"inf\":2}" },
    { "a=1", "{\"a\":1}" },
    /* basic strings */
    { "a = \"\"", "{\"a\":\"\"}" },
    { "a = \"x y\"", "{\"a\":\"x y\"}" },
    { "a = \"\\b\\t\\n\\f\\r\\\"\\\\\"", "{\"a\":\"\\b\\t\\n\\f\\r\\\"\\\\\"}" },
    { "a = \"\\u00E9\\U0001F600\"", "{\"a\":\"\xC3\xA9\xF0\x9F\x98\x80\"}" },
    { "a = \"\\uD7FF\\uE000\\U0010FFFF\"", "{\"a\":\"\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF\"}" },
    { "a = \"# no comment\"", "{\"a\":\"# no comment\"}" },
    { "a = \"tab\there\"", "{\"a\":\"tab\\there\"}" },
    { "a = \"\xE2\x82\xAC\"", "{\"a\":\"\xE2\x82\xAC\"}" },
    /* literal strings */
    { "a = ''", "{\"a\":\"\"}" },
    { "a = 'C:\\temp\\n'", "{\"a\":\"C:\\\\temp\\\\n\"}" },
    { "a = '\"quoted\"'", "{\"a\":\"\\\"quoted\\\"\"}" },
    /* multi-line strings */
    { "a = \"\"\"\"\"\"", "{\"a\":\"\"}" },
    { "a = \"\"\"one\ntwo\"\"\"", "{\"a\":\"one\\ntwo\"}" },
    { "a = \"\"\"\none\ntwo\n\"\"\"", "{\"a\":\"one\\ntwo\\n\"}" },
    { "a = \"\"\"\r\none\r\ntwo\"\"\"", "{\"a\":\"one\\ntwo\"}" },
    { "a = \"\"\"one \\\n   two\"\"\"", "{\"a\":\"one two\"}" },
    { "a = \"\"\"one\\  \n\n \t two\"\"\"", "{\"a\":\"onetwo\"}" },
    { "a = \"\"\"one\\\r\n  two\"\"\"", "{\"a\":\"onetwo\"}" },
    { "a = \"\"\"\\\n\"\"\"", "{\"a\":\"\"}" },
    { "a = \"\"\"a \"b\" \"\"c\"\" d\"\"\"", "{\"a\":\"a \\\"b\\\" \\\"\\\"c\\\"\\\" d\"}" },
    { "a = \"\"\"\"one\"\"\"\"", "{\"a\":\"\\\"one\\\"\"}" },
    { "a = \"\"\"\"\"one\"\"\"\"\"", "{\"a\":\"\\\"\\\"one\\\"\\\"\"}" },
    { "a = \"\"\"a \\\"\"\"\\\" b\"\"\"", "{\"a\":\"a \\\"\\\"\\\"\\\" b\"}" },
    { "a = '''one\ntwo'''", "{\"a\":\"one\\ntwo\"}" },
    { "a = '''\n\\n'''", "{\"a\":\"\\\\n\"}" },
    { "a = ''''one''''", "{\"a\":\"'one'\"}" },
    { "a = '''''one'''''", "{\"a\":\"''one''\"}" },
    /* integers */
    { "a = 0", "{\"a\":0}" },
    { "a = +0", "{\"a\":0}" },
    { "a = -0", "{\"a\":0}" },
    { "a = +99", "{\"a\":99}" },
    { "a = -17", "{\"a\":-17}" },
    { "a = 1_000", "{\"a\":1000}" },
    { "a = 1_2_3_4", "{\"a\":1234}" },
    { "a = 9223372036854775807", "{\"a\":9223372036854775807}" },
    { "a = -9223372036854775808", "{\"a\":-9223372036854775808}" },
    { "a = 0xDEAD_beef", "{\"a\":3735928559}" },
    { "a = 0x7fffffffffffffff", "{\"a\":9223372036854775807}" },
    { "a = 0x00e1", "{\"a\":225}" },
    { "a = 0o755", "{\"a\":493}" },
    { "a = 0b1101_0110", "{\"a\":214}" },
    /* floats */
    { "a = 1.0", "{\"a\":1.0}" },
    { "a = +1.5", "{\"a\":1.5}" },
    { "a = -0.01", "{\"a\":-0.01}" },
    { "a = 5e+22", "{\"a\":5e22}" },
    { "a = 1e06", "{\"a\":1e6}" },
    { "a = -2E-2", "{\"a\":-0.02}" },
    { "a = 6.626e-34", "{\"a\":6.626e-34}" },
    { "a = 224_617.445_991", "{\"a\":224617.445991}" },
    { "a = 1e1_0", "{\"a\":1e10}" },
    { "a = inf\nb = +inf\nc = -inf", "{\"a\":\"inf\",\"b\":\"+inf\",\"c\":\"-inf\"}" },
    { "a = nan\nb = +nan\nc = -nan", "{\"a\":\"nan\",\"b\":\"+nan\",\"c\":\"-nan\"}" },
    /* booleans */
    { "a = true\nb = false", "{\"a\":true,\"b\":false}" },
    /* dates and times */
    { "a = 1979-05-27T07:32:00Z", "{\"a\":\"1979-05-27T07:32:00Z\"}" },
    { "a = 1979-05-27t07:32:00z", "{\"a\":\"1979-05-27t07:32:00z\"}" },
    { "a = 1979-05-27T00:32:00-07:00", "{\"a\":\"1979-05-27T00:32:00-07:00\"}" },
    { "a = 1979-05-27T00:32:00.999999+07:00", "{\"a\":\"1979-05-27T00:32:00.999999+07:00\"}" },
    { "a = 1979-05-27 07:32:00Z", "{\"a\":\"1979-05-27 07:32:00Z\"}" },
    { "a = 1979-05-27T07:32:00", "{\"a\":\"1979-05-27T07:32:00\"}" },
    { "a = 1979-05-27 # day", "{\"a\":\"1979-05-27\"}" },
    { "a = 2024-02-29", "{\"a\":\"2024-02-29\"}" },
    { "a = 2000-02-29", "{\"a\":\"2000-02-29\"}" },
    { "a = 1990-12-31T23:59:60Z", "{\"a\":\"1990-12-31T23:59:60Z\"}" },
    { "a = 07:32:00", "{\"a\":\"07:32:00\"}" },
    { "a = 00:32:00.5", "{\"a\":\"00:32:00.5\"}" },
    /* arrays */
    { "a = []", "{\"a\":[]}" },
    { "a = [ ]", "{\"a\":[]}" },
    { "a = [1,2]", "{\"a\":[1,2]}" },
    { "a = [ 1, 2, ]", "{\"a\":[1,2]}" },
    { "a = [\n 1, # one\n # two\n 2\n ,\n]", "{\"a\":[1,2]}" },
    { "a = [\r\n1,\r\n2]\r\n", "{\"a\":[1,2]}" },
    { "a = [[1,2],[\"x\",'y']]", "{\"a\":[[1,2],[\"x\",\"y\"]]}" },
    { "a = [1, \"x\", 1.5, {b = 1}]", "{\"a\":[1,\"x\",1.5,{\"b\":1}]}" },
    { "a = [1979-05-27 07:32:00, 07:32:00]", "{\"a\":[\"1979-05-27 07:32:00\",\"07:32:00\"]}" },
    { "a = [\"\"\"x\ny\"\"\", 'z']", "{\"a\":[\"x\\ny\",\"z\"]}" },
    /* tables */
    { "[a]", "{\"a\":{}}" },
    { "[a]\nb = 1\n[c]\nb = 2", "{\"a\":{\"b\":1},\"c\":{\"b\":2}}" },
    { "[ a . 'b' . \"c.d\" ] # x", "{\"a\":{\"b\":{\"c.d\":{}}}}" },
    { "[a.b.c]\n[a]\nd = 1", "{\"a\":{\"b\":{\"c\":{}},\"d\":1}}" },
    { "[a.b]\nx = 1\n[a.c]\nx = 2\n[a]\nx = 3", "{\"a\":{\"b\":{\"x\":1},\"c\":{\"x\":2},\"x\":3}}" },
    { "[b]\n[a]\n[b.c]", "{\"b\":{\"c\":{}},\"a\":{}}" },
    { "[a]\nb.c = 1\nb.d.e = 2\n[a.b.f]\ng = 3",
      "{\"a\":{\"b\":{\"c\":1,\"d\":{\"e\":2},\"f\":{\"g\":3}}}}" },
    { "a.b = 1\n[a.c]\nd = 1", "{\"a\":{\"b\":1,\"c\":{\"d\":1}}}" },
    { "[a.b.c]\n[a]\nb.d = 1", "{\"a\":{\"b\":{\"c\":{},\"d\":1}}}" },
    { "top = 1\n[a]\nb = 2", "{\"top\":1,\"a\":{\"b\":2}}" },
    { "[\"\"]\na = 1", "{\"\":{\"a\":1}}" },
    { "[x.y.z.w]\n[x]", "{\"x\":{\"y\":{\"z\":{\"w\":{}}}}}" },
    /* inline tables */
    { "a = {}", "{\"a\":{}}" },
    { "a = { }", "{\"a\":{}}" },
    { "a = { b = 1, c = \"x\" }", "{\"a\":{\"b\":1,\"c\":\"x\"}}" },
    { "a = {b.c = 1, b.d = 2}", "{\"a\":{\"b\":{\"c\":1,\"d\":2}}}" },
    { "a = { b = { c = {} } }", "{\"a\":{\"b\":{\"c\":{}}}}" },
    { "a = { b = [\n1,\n2\n] }", "{\"a\":{\"b\":[1,2]}}" },
    { "a.b = {c = 1}", "{\"a\":{\"b\":{\"c\":1}}}" },
    /* arrays of tables */
    { "[[a]]", "{\"a\":[{}]}" },
    { "[[a]]\nb = 1\n[[a]]\n[[a]]\nb = 2", "{\"a\":[{\"b\":1},{},{\"b\":2}]}" },
    { "[[a]]\n[a.b]\nc = 1\n[[a.d]]\ne = 1\n[[a.d]]\ne = 2\n[[a]]\n[[a.d]]\ne = 3",
      "{\"a\":[{\"b\":{\"c\":1},\"d\":[{\"e\":1},{\"e\":2}]},{\"d\":[{\"e\":3}]}]}" },
    { "[[a.b]]\n[a]\nc = 1", "{\"a\":{\"b\":[{}],\"c\":1}}" },
    { "[[a]]\nb.c = 1\n[[a]]\nb.c = 2", "{\"a\":[{\"b\":{\"c\":1}},{\"b\":{\"c\":2}}]}" },
    { "[[a]]\n[a.b]\n[[a]]\n[a.b]", "{\"a\":[{\"b\":{}},{\"b\":{}}]}" },
};

static const struct row invalid[] = {
    /* keys and pairs */
    { "a", "expected = after a key" },
    { "a =", "a value is missing" },
    { "a = \nb = 1", "line 1: a value is missing at the end of the line" },
    { "= 1", "a key is missing" },
    { "a b = 1", "expected = after a key: \"b = 1\"" },
    { "a = 1 b = 2", "unexpected text at the end of a line: \"b = 2\"" },
    { "a. = 1", "a key is missing" },
    { ".a = 1", "a key is missing" },
    { "a..b = 1", "a key is missing" },
    { "\xC3\xA9 = 1", "a key is missing" },
    { "a\n= 1", "expected = after a key" },
    { "\"a = 1", "does not end on its line" },
    { "\"\"\"a\"\"\" = 1", "expected = after a key" },
    { "\"a\nb\" = 1", "does not end on its line" },
    { "\"\\u0000\" = 1", "NUL in a key" },
    { "a = 1\na = 2", "line 2: this key is given twice: \"a = 2\"" },
    { "a = 1\n'a' = 2", "given twice" },
    { "a = 1\na.b = 2", "line 2: this key would lie below a value that is no table" },
    { "a.b = 1\na = 2", "given twice" },
    { "a.b = 1\na.b.c = 2", "below a value that is no table" },
    { "a.b.c = 1\na.b = 2", "given twice" },
    /* control characters and encoding */
    { "a = 1\rb = 2", "unexpected text at the end of a line" },
    { "# x\x01", "control character in a comment: \"\\x01\"" },
    { "# x\x7F", "control character in a comment" },
    { "# x\rb", "control character in a comment" },
    { "a = \"x\x01\"", "control character in a string" },
    { "a = 'x\x1F'", "control character in a string" },
    { "a = \"\"\"x\x0B\"\"\"", "control character in a string" },
    { "a = '''x\ry'''", "control character in a string" },
    { "a = \"\xC3\"", "line 1: not UTF-8: \"\\xC3" },
    { "\n\na = \"\xFF\"", "line 3: not UTF-8" },
    { "# \xED\xA0\x80", "not UTF-8" },
    { "# \xC0\x80", "not UTF-8" },
    { "# \xF4\x90\x80\x80", "not UTF-8" },
    /* strings */
    { "a = \"x", "does not end on its line" },
    { "a = \"x\n\"", "line 1: a string does not end on its line" },
    { "a = 'x", "does not end on its line" },
    { "a = 'it''s'", "unexpected text at the end of a line" },
    { "a = \"\\q\"", "unknown escape in a string: \"\\q\"\"" },
    { "a = \"\\x41\"", "unknown escape" },
    { "a = \"\\", "unknown escape" },
    { "a = \"\\u12\"", "takes 4 hexadecimal digits" },
    { "a = \"\\u12g4\"", "takes 4 hexadecimal digits" },
    { "a = \"\\U0001F60\"", "takes 8 hexadecimal digits" },
    { "a = \"\\uD800\"", "no Unicode character" },
    { "a = \"\\U00110000\"", "no Unicode character" },
    { "a = \"\"\"x\n\n", "line 1: a multi-line string is not ended" },
    { "a = '''x''", "not ended" },
    { "a = \"\"\"x\\ y\"\"\"", "unknown escape" },
    { "a = \"\"\"x\"\"\"\"\"\"", "unexpected text" },
    { "a = '''x''''''", "unexpected text" },
    /* numbers */
    { "a = 01", "neither a number that fits 64 bits nor a date or time: \"01\"" },
    { "a = +01", "neither" },
    { "a = 1_", "neither" },
    { "a = _1", "neither" },
    { "a = 1__0", "neither" },
    { "a = 0_1", "neither" },
    { "a = ++1", "neither" },
    { "a = +-1", "neither" },
    { "a = 9223372036854775808", "fits 64 bits" },
    { "a = -9223372036854775809", "fits 64 bits" },
    { "a = 0x8000000000000000", "fits 64 bits" },
    { "a = 0x", "neither" },
    { "a = 0x_1", "neither" },
    { "a = 0x1_", "neither" },
    { "a = 0xg", "neither" },
    { "a = +0x1", "neither" },
    { "a = 0X1", "neither" },
    { "a = 0o8", "neither" },
    { "a = 0b2", "neither" },
    { "a = 0b_1", "neither" },
    { "a = 1a", "neither" },
    { "a = 1.", "neither" },
    { "a = .5", "neither" },
    { "a = 1.e5", "neither" },
    { "a = 1e", "neither" },
    { "a = 1_e5", "neither" },
    { "a = 1e_5", "neither" },
    { "a = 1._5", "neither" },
    { "a = 1.5.2", "neither" },
    { "a = 00.5", "neither" },
    { "a = 1e5.5", "neither" },
    { "a = 1e400", "fits 64 bits" },
    { "a = +", "neither" },
    { "a = Inf", "text needs quotes" },
    { "a = 1 2", "unexpected text" },
    /* words */
    { "a = True", "no value looks like this (text needs quotes): \"True\"" },
    { "a = yes", "text needs quotes" },
    { "a = truefalse", "text needs quotes" },
    { "a = null", "text needs quotes" },
    /* dates and times */
    { "a = 1979-13-01", "nor a date or time" },
    { "a = 1979-00-01", "nor a date or time" },
    { "a = 1979-02-30", "nor a date or time" },
    { "a = 2023-02-29", "nor a date or time" },
    { "a = 1900-02-29", "nor a date or time" },
    { "a = 1979-5-27", "nor a date or time" },
    { "a = 1979-05-27T", "nor a date or time" },
    { "a = 1979-05-27T07:32", "nor a date or time" },
    { "a = 1979-05-27T24:00:00", "nor a date or time" },
    { "a = 1979-05-27T07:60:00", "nor a date or time" },
    { "a = 1979-05-27T07:32:61", "nor a date or time" },
    { "a = 1979-05-27T07:32:00.Z", "nor a date or time" },
    { "a = 1979-05-27T07:32:00+24:00", "nor a date or time" },
    { "a = 1979-05-27T07:32:00+0700", "nor a date or time" },
    { "a = 1979-05-27  07:32:00", "unexpected text" },
    { "a = 1979-05-27x07:32:00", "nor a date or time" },
    { "a = 7:32:00", "neither" },
    { "a = 07:32", "nor a date or time" },
    { "a = 07:32:00Z", "nor a date or time" },
    /* arrays */
    { "a = [", "line 1: an array is not ended" },
    { "a = [1", "an array is not ended" },
    { "a = [\n1,\n2\n", "line 1: an array is not ended" },
    { "a = [1 2]", "expected , or ] in an array: \"2]\"" },
    { "a = [,1]", "a value is missing" },
    { "a = [1,,2]", "a value is missing" },
    { "a = [1]]", "unexpected text" },
    { "a = [1}", "expected , or ]" },
    { "a = [1, # x\x01\n]", "control character in a comment" },
    { "a = [1]\n[[a]]", "taken by something that is no array of tables" },
    /* tables */
    { "[a", "expected ] after a table's name" },
    { "[a\n]", "expected ]" },
    { "[]", "a key is missing" },
    { "[a.]", "a key is missing" },
    { "[a..b]", "a key is missing" },
    { "[a]]", "unexpected text" },
    { "[a] b = 1", "unexpected text" },
    { "[a]\n[a]", "line 2: this table is defined twice: \"[a]\"" },
    { "[a]\nb = 1\n[a.b]", "line 3: this name is taken by a key or array" },
    { "a = 1\n[a]", "this name is taken" },
    { "a = 1\n[a.b]", "below a value that is finished" },
    { "[a]\nb.c = 1\n[a.b]", "defined twice" },
    { "a.b = 1\n[a]", "defined twice" },
    { "[a.b.c]\nz = 1\n[a]\nb.c.t = 2", "a table that is defined elsewhere cannot get a key here" },
    { "[a.b]\n[a]\nb.c = 1", "defined elsewhere" },
    { "[a.b]\n[a]\nb = 1", "given twice" },
    { "[a.b]\n[a]\n[a.b]", "defined twice" },
    { "[a.b.c]\n[a]\nb.d = 1\n[a.b]", "defined twice" },
    /* inline tables */
    { "a = {", "a key is missing" },
    { "a = {b = 1", "expected , or }" },
    { "a = {b = 1,}", "a key is missing" },
    { "a = {b = 1\n}", "expected , or } in an inline table at the end of the line" },
    { "a = {\nb = 1}", "a key is missing" },
    { "a = {b = 1 c = 2}", "expected , or }" },
    { "a = {b = 1, b = 2}", "given twice" },
    { "a = {b = {c = 1}, b.d = 2}", "defined elsewhere" },
    { "a = {b.c = 1, b = 2}", "given twice" },
    { "a = {b}", "expected =" },
    { "a = {}\na.b = 1", "defined elsewhere" },
    { "a = {}\n[a]", "defined twice" },
    { "a = {}\n[a.b]", "below a value that is finished" },
    { "a = {b = {}}\n[a.b]", "below a value that is finished" },
    { "a = [{}]\n[a.b]", "below a value that is finished" },
    /* arrays of tables */
    { "[[a]", "expected ]] after a table's name" },
    { "[[a] ]", "expected ]]" },
    { "[ [a]]", "a key is missing" },
    { "[[]]", "a key is missing" },
    { "[[a]]\n[a]", "taken by a key or array" },
    { "[a]\n[[a]]", "no array of tables" },
    { "[a.b]\n[[a]]", "no array of tables" },
    { "a = []\n[[a]]", "no array of tables" },
    { "[[a]]\n[a.b]\n[[a.b]]", "no array of tables" },
    { "[[a]]\n[[a.b]]\n[a.b]", "taken by a key or array" },
    { "[[a.b]]\n[a]\nb.c = 1", "below a value that is no table" },
    { "[[a]]\nb = 1\nb = 2", "line 3: this key is given twice" },
};

static void reads_what_toml_allows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof valid / sizeof valid[0]; i++) {
        json_t *doc = NULL, *wanted = json_loads(valid[i].result, 0, NULL);
        struct err e = { "" };
        int rc = toml_parse(valid[i].toml, strlen(valid[i].toml), &doc, NULL, &e);
        if (rc != 0)
            fail_msg("row %zu: %s\nrefused: %s", i, valid[i].toml, e.text);
        assert_non_null(wanted);
        if (!json_equal(doc, wanted)) {
            char *text = json_dumps(doc, JSON_COMPACT);
            fail_msg("row %zu: %s\nbecame: %s", i, valid[i].toml, text);
        }
        json_decref(doc);
        json_decref(wanted);
    }
}

static void refuses_what_toml_forbids_and_says_why(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++) {
        json_t *doc = NULL;
        struct toml_lines *lines = NULL;
        struct err e = { "" };
        if (toml_parse(invalid[i].toml, strlen(invalid[i].toml), &doc, &lines, &e) != -EINVAL)
            fail_msg("row %zu was read: %s", i, invalid[i].toml);
        assert_null(doc);
        assert_null(lines);
        if (strncmp(e.text, "line ", 5) || !strstr(e.text, invalid[i].result))
            fail_msg("row %zu: %s\nsays: %s\nnot: %s", i, invalid[i].toml, e.text, invalid[i].result);
    }
}

static void a_nul_is_refused_outside_of_an_escape(void **state)
{
    static const char *const forms[] = { "a = 1\0", "a\0b = 1", "# x\0", "a = \"\0\"", "a = [\0]", "\0" };
    static const size_t lens[] = { 6, 7, 4, 7, 7, 1 };
    json_t *doc = NULL;
    struct err e;

    (void)state;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(toml_parse(forms[i], lens[i], &doc, NULL, &e), -EINVAL);
    assert_int_equal(toml_parse("a = \"x\\u0000y\"", 14, &doc, NULL, &e), 0);
    assert_int_equal(json_string_length(json_object_get(doc, "a")), 3);
    json_decref(doc);
}

static void text_behind_the_length_is_not_read(void **state)
{
    json_t *doc;

    (void)state;
    assert_int_equal(toml_parse("a = 12", 5, &doc, NULL, NULL), 0);
    assert_int_equal(json_integer_value(json_object_get(doc, "a")), 1);
    json_decref(doc);
    assert_int_equal(toml_parse(NULL, 0, &doc, NULL, NULL), 0);
    json_decref(doc);
}

static void lines_of_keys_and_tables_are_known(void **state)
{
    static const char text[] = "top = 1\n"
                               "[model.qwen]\n"
                               "slots = 4\n"
                               "setup = [\n"
                               "  'x',\n"
                               "]\n"
                               "env = { A = \"1\", B.c = 2 }\n"
                               "text = \"\"\"\n"
                               "\n"
                               "\"\"\"\n"
                               "last = 1\n"
                               "[\"a.b\"]\r\n"
                               "c.d = 1\r\n"
                               "[[list]]\n"
                               "x = 1\n"
                               "[[list]]\n"
                               "x = 2\n";
    static const struct {
        const char *path;
        int line;
    } rows[] = {
        { "top", 1 },
        { "model", 2 },
        { "model.qwen", 2 },
        { "model.qwen.slots", 3 },
        { "model.qwen.setup", 4 },
        { "model.qwen.env", 7 },
        { "model.qwen.env.A", 7 },
        { "model.qwen.env.B.c", 7 },
        { "model.qwen.text", 8 },
        { "model.qwen.last", 11 },
        { "a.b", 12 },
        { "a.b.c", 13 },
        { "a.b.c.d", 13 },
        { "list", 14 },
        { "list.x", 15 },
        { "model.other", 0 },
        { "", 0 },
    };
    struct toml_lines *lines;
    json_t *doc;

    (void)state;
    assert_int_equal(toml_parse(text, strlen(text), &doc, &lines, NULL), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (toml_line_of(lines, rows[i].path) != rows[i].line)
            fail_msg("%s: line %d, not %d", rows[i].path, toml_line_of(lines, rows[i].path), rows[i].line);
    assert_int_equal(toml_line_of(NULL, "top"), 0);
    toml_lines_free(lines);
    toml_lines_free(NULL);
    json_decref(doc);
}

/* before, n times; then middle; then after, n times */
static int parse_repeated(const char *before, size_t n, const char *middle, const char *after, struct err *e)
{
    struct buf b = { 0 };
    struct toml_lines *lines = NULL;
    json_t *doc = NULL;
    int rc;

    buf_adds(&b, "k = ");
    if (!strcmp(before, "x."))
        buf_reset(&b);
    if (!strcmp(before, "y.")) {
        buf_reset(&b);
        buf_adds(&b, "[");
    }
    for (size_t i = 0; i < n; i++)
        buf_adds(&b, before);
    buf_adds(&b, middle);
    for (size_t i = 0; i < n; i++)
        buf_adds(&b, after);
    rc = toml_parse(b.data, b.len, &doc, &lines, e);
    buf_free(&b);
    json_decref(doc);
    toml_lines_free(lines);
    return rc;
}

static void nesting_has_a_limit_and_no_deep_recursion(void **state)
{
    static const struct {
        const char *before, *middle, *after;
    } rows[] = {
        { "[", "", "]" },      { "{a=", "1", "}" }, { "[{a=", "1", "}]" },
        { "x.", "x = 1", "" }, { "y.", "y]", "" },  { "{a.b.c=", "1", "}" },
    };
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(parse_repeated(rows[i].before, 10, rows[i].middle, rows[i].after, &e), 0);
        assert_int_equal(parse_repeated(rows[i].before, 200000, rows[i].middle, rows[i].after, &e), -EINVAL);
        assert_non_null(strstr(e.text, "nested more than 64 deep"));
    }
}

static void a_large_document_takes_linear_time_and_memory(void **state)
{
    struct buf b = { 0 };
    struct toml_lines *lines;
    json_t *doc;

    (void)state;
    buf_adds(&b, "[");
    for (int i = 0; i < 100000; i++)
        buf_adds(&b, "k"); /* a long name must not be copied for each of its keys */
    buf_adds(&b, "]\n");
    for (int i = 0; i < 20000; i++)
        buf_addf(&b, "key%d.a = %d\n", i, i);
    assert_int_equal(toml_parse(b.data, b.len, &doc, &lines, NULL), 0);
    toml_lines_free(lines);
    json_decref(doc);
    buf_free(&b);
}

static void a_quoted_text_is_short_and_printable(void **state)
{
    struct err e;
    json_t *doc;
    char text[300] = "a = !\x01\x1b[31m";

    (void)state;
    assert_int_equal(toml_parse(text, strlen(text), &doc, NULL, &e), -EINVAL);
    assert_string_equal(e.text, "line 1: a value is missing: \"!\\x01\\x1B[31m\"");
    strcpy(text, "a = !");
    for (int i = 0; i < 60; i++)
        strcat(text, "\xC3\xA9");
    assert_int_equal(toml_parse(text, strlen(text), &doc, NULL, &e), -EINVAL);
    assert_non_null(strstr(e.text, "\xC3\xA9...\""));
    assert_true(strlen(e.text) < 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_toml_allows),
        cmocka_unit_test(refuses_what_toml_forbids_and_says_why),
        cmocka_unit_test(a_nul_is_refused_outside_of_an_escape),
        cmocka_unit_test(text_behind_the_length_is_not_read),
        cmocka_unit_test(lines_of_keys_and_tables_are_known),
        cmocka_unit_test(nesting_has_a_limit_and_no_deep_recursion),
        cmocka_unit_test(a_large_document_takes_linear_time_and_memory),
        cmocka_unit_test(a_quoted_text_is_short_and_printable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
