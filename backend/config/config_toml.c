/* SPDX-License-Identifier: MIT */
/* The configuration as text: what is in effect, and the reference of all keys. */
#include "backend/config/config_table.h"

#include <string.h>

void toml_write_string(struct buf *out, const char *text)
{
    static const char plain[] = "\"\\\n\t\r", *const escaped[] = { "\\\"", "\\\\", "\\n", "\\t", "\\r" };

    buf_adds(out, "\"");
    for (; *text; text++) {
        const char *which = strchr(plain, *text);
        if (which)
            buf_adds(out, escaped[which - plain]);
        else if ((unsigned char)*text < 0x20 || *text == 0x7F)
            buf_addf(out, "\\u%04X", (unsigned)*text);
        else
            buf_add(out, text, 1);
    }
    buf_adds(out, "\"");
}

/* Written out they would be asked for: a taken port would end the mount, and a template would lose its own time. */
static bool is_silent(const struct config *c, const struct config_key *k, const void *base)
{
    if (k->rows == ROWS_GATEWAY)
        return k->offset == offsetof(struct config, listen) && !c->listen_asked;
    return k->rows == ROWS_JOB && k->offset == offsetof(struct job_config, time_s) &&
           !((const struct job_config *)base)->time_asked;
}

/* One line per row of `rows`, read from the struct at base. */
static void write_rows(struct buf *out, const struct config *c, unsigned rows, const void *base)
{
    for (const struct config_key *k = config_keys; k->name; k++) {
        if (!(k->rows & rows))
            continue;
        if (is_silent(c, k, base))
            buf_adds(out, "# ");
        buf_addf(out, "%s = ", k->name);
        k->type->write((const char *)base + k->offset, k->secret, out);
        buf_adds(out, "\n");
    }
}

/* Source: TOML 1.0, Keys: what needs no quotes. */
#define BARE "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

static void write_header(struct buf *out, const char *section, const char *name)
{
    buf_addf(out, "\n[%s.", section);
    if (name[strspn(name, BARE)])
        toml_write_string(out, name);
    else
        buf_adds(out, name);
    buf_adds(out, "]\n");
}

char *config_to_toml(const struct config *c)
{
    struct buf out = { 0 };

    buf_adds(&out, "# The configuration in effect, from ");
    toml_write_string(&out, *c->file ? c->file : "built-in defaults");
    buf_adds(&out, "\n");
    for (const struct config_section *s = config_sections; s->name; s++) {
        if (s->named)
            continue;
        buf_addf(&out, "\n[%s]\n", s->name);
        write_rows(&out, c, s->rows, c);
    }
    for (size_t i = 0; i < c->n_clusters; i++) {
        write_header(&out, "cluster", c->clusters[i]->name);
        write_rows(&out, c, ROWS_CLUSTER, c->clusters[i]);
        write_rows(&out, c, ROWS_JOB, &c->clusters[i]->job);
    }
    for (size_t i = 0; i < c->n_models; i++) {
        write_header(&out, "model", c->models[i]->name);
        write_rows(&out, c, ROWS_MODEL, c->models[i]);
        write_rows(&out, c, ROWS_JOB, &c->models[i]->job);
    }
    for (size_t i = 0; i < c->n_users; i++) {
        write_header(&out, "user", c->users[i]->name);
        write_rows(&out, c, ROWS_USER, c->users[i]);
    }
    return buf_take(&out);
}

/* ---- The reference */

static void write_choice(struct buf *out, const struct config_key *k)
{
    if (!k->words) {
        buf_adds(out, k->type->name);
        return;
    }
    for (size_t i = 0; k->words[i]; i++)
        buf_addf(out, "%s\"%s\"", i ? ", " : "", k->words[i]);
}

static void write_reference(struct buf *out, const struct config_key *k)
{
    buf_addf(out, "    %s\n        ", k->name);
    write_choice(out, k);
    if (k->type == &type_int || k->type == &type_ints)
        buf_addf(out, " from %lld to %lld", (long long)k->min, (long long)k->max);
    if (k->standard || k->shown)
        buf_addf(out, "; default: %s\n", k->standard ? k->standard : k->shown);
    else
        buf_adds(out, "; required\n");
    buf_addf(out, "        %s\n", k->help);
}

char *config_reference(void)
{
    static const struct {
        const char *title;
        enum config_rows rows;
    } groups[] = {
        { "[mount]", ROWS_MOUNT },
        { "[gateway]", ROWS_GATEWAY },
        { "[cluster.NAME]", ROWS_CLUSTER },
        { "[cluster.NAME], for all its models, or [model.NAME]", ROWS_JOB },
        { "[model.NAME]", ROWS_MODEL },
        { "[batch]", ROWS_BATCH },
        { "[limits]", ROWS_LIMITS },
        { "[user.NAME]", ROWS_USER },
    };
    struct buf out = { 0 };

    buf_adds(&out, "Durations are \"90s\", \"30m\", \"4h\", \"30d\", \"4:00:00\", \"1-00:00:00\", \"0\" for "
                   "never, or a number "
                   "of seconds.\nSizes are \"16MiB\", \"1GB\", \"512k\" or a number of bytes.\n");
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        buf_addf(&out, "\n%s\n", groups[i].title);
        for (const struct config_key *k = config_keys; k->name; k++)
            if (k->rows == groups[i].rows)
                write_reference(&out, k);
    }
    return buf_take(&out);
}
