/* SPDX-License-Identifier: MIT */
/* Heads and chunks as text, and the character rules of fields. Nothing here can be made to write a line that
 * its caller did not mean: what would end a line is dropped or escaped. */
#include "backend/http/http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* tchar of RFC 9110 5.6.2, one bit a character. */
static const uint32_t token_chars[8] = { 0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff };

bool http_is_token(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char ch = (unsigned char)s[i];
        if (!(token_chars[ch >> 5] >> (ch & 31) & 1))
            return false;
    }
    return len > 0;
}

bool http_is_field_value(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char ch = (unsigned char)s[i];
        if ((ch < 0x20 && ch != '\t') || ch == 0x7f)
            return false;
    }
    return true;
}

void http_write_request(struct buf *b, const char *method, const char *target)
{
    buf_adds(b, method);
    buf_add(b, " ", 1);
    for (const char *s = target; *s;) {
        size_t n = strcspn(
            s, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17"
               "\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f \x7f");
        buf_add(b, s, n);
        s += n;
        if (*s)
            buf_addf(b, "%%%02X", (unsigned)(unsigned char)*s++);
    }
    buf_adds(b, " HTTP/1.1\r\n");
}

void http_write_response(struct buf *b, int status)
{
    const char digits[] = { (char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
                            (char)('0' + status % 10), ' ' };

    buf_add(b, "HTTP/1.1 ", 9);
    buf_add(b, digits, sizeof digits);
    buf_adds(b, http_reason(status));
    buf_add(b, "\r\n", 2);
}

void http_write_field(struct buf *b, const char *name, const char *value)
{
    size_t name_len = strlen(name), value_len = strlen(value);

    if (!http_is_token(name, name_len) || !http_is_field_value(value, value_len))
        return;
    buf_add(b, name, name_len);
    buf_add(b, ": ", 2);
    buf_add(b, value, value_len);
    buf_add(b, "\r\n", 2);
}

void http_write_end(struct buf *b)
{
    buf_add(b, "\r\n", 2);
}

void http_write_chunk(struct buf *b, const void *data, size_t len)
{
    char line[2 * sizeof len + 2];
    size_t at = sizeof line - 2;

    if (!len)
        return;
    memcpy(line + at, "\r\n", 2);
    for (size_t rest = len; rest; rest >>= 4)
        line[--at] = "0123456789abcdef"[rest & 15];
    buf_add(b, line + at, sizeof line - at);
    buf_add(b, data, len);
    buf_add(b, "\r\n", 2);
}

void http_write_last_chunk(struct buf *b)
{
    buf_adds(b, "0\r\n\r\n");
}

/* Source: RFC 9110 section 15, and RFC 6585 for 428, 429 and 431. */
static const struct {
    int status;
    const char *reason;
} reasons[] = {
    { 100, "Continue" },
    { 101, "Switching Protocols" },
    { 200, "OK" },
    { 201, "Created" },
    { 202, "Accepted" },
    { 204, "No Content" },
    { 206, "Partial Content" },
    { 301, "Moved Permanently" },
    { 302, "Found" },
    { 303, "See Other" },
    { 304, "Not Modified" },
    { 307, "Temporary Redirect" },
    { 308, "Permanent Redirect" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 406, "Not Acceptable" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 411, "Length Required" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 417, "Expectation Failed" },
    { 421, "Misdirected Request" },
    { 422, "Unprocessable Content" },
    { 426, "Upgrade Required" },
    { 428, "Precondition Required" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 505, "HTTP Version Not Supported" },
};

const char *http_reason(int status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Unknown";
}

bool http_is_hop_by_hop(const char *name)
{
    static const char *const names[] = { "Connection", "Keep-Alive",        "Proxy-Connection", "TE",
                                         "Trailer",    "Transfer-Encoding", "Upgrade" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (http_same_name(name, names[i]))
            return true;
    }
    return false;
}

bool http_list_has(const char *list, const char *word)
{
    size_t len = strlen(word);

    while (list && *list) {
        list += strspn(list, " \t,");
        size_t n = strcspn(list, " \t,");
        if (n == len && !strncasecmp(list, word, n))
            return true;
        list += n;
    }
    return false;
}
