/* SPDX-License-Identifier: MIT */
/* Operations per second on two paths, in pairs that take turns: bench-metadata NAME OP CLIENTS ROUNDS MS OURS
 * THEIRS OUR-PID THEIR-PID. One client takes turns operation by operation; of more, each is a process that does OP (stat, miss = stat of what is not there, open, read = open+read+close,
 * readdir, ask = a question to the end of its answer, in a model's directory) for MS milliseconds. Prints one row: the two medians, the median and the quartiles of the pairs'
 * ratios, and what an operation costs either server in CPU time, which depends less on what else the machine
 * does. */
#include "bench.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void do_stat(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0)
        die("%s", path);
}

/* A name that is not there, which the kernel asks for each time. */
static void do_miss(const char *path)
{
    struct stat st;

    if (stat(path, &st) == 0 || errno != ENOENT)
        die("%s is there", path);
}

static void do_open(const char *path)
{
    close(open_file(path, O_RDONLY));
}

static void do_read(const char *path)
{
    char text[4096];
    int fd = open_file(path, O_RDONLY);

    if (read(fd, text, sizeof text) < 0)
        die("%s", path);
    close(fd);
}

static void do_readdir(const char *path)
{
    DIR *d = opendir(path);

    if (!d)
        die("%s", path);
    while (readdir(d))
        ;
    closedir(d);
}

static void do_ask(const char *dir)
{
    static const char prompt[] = "Why is the sky blue?";
    char text[4096], *ask = path_join(dir, "ask"), *reply = path_join(dir, "reply");
    int fd = open_file(ask, O_WRONLY | O_TRUNC);
    ssize_t n;

    if (write(fd, prompt, strlen(prompt)) < 0 || close(fd) < 0)
        die("%s", ask);
    fd = open_file(reply, O_RDONLY);
    while ((n = read(fd, text, sizeof text)) > 0)
        ;
    if (n < 0)
        die("%s", reply);
    close(fd);
    free(ask);
    free(reply);
}

static const struct {
    const char *name;
    void (*run)(const char *path);
} ops[] = { { "stat", do_stat }, { "miss", do_miss },       { "open", do_open },
            { "read", do_read }, { "readdir", do_readdir }, { "ask", do_ask } };

static uint64_t client(void (*run)(const char *), const char *path, uint64_t until)
{
    uint64_t done = 0;

    while (now_ns() < until) {
        for (int i = 0; i < 16; i++)
            run(path);
        done += 16;
    }
    return done;
}

/* ---- One side, and pairs of them */

struct side {
    const char *path;
    pid_t pid;
    char stat_file[64]; /* "NANOSECONDS-ON-CPU ..": proc(5), /proc/PID/schedstat */
    double *rate;       /* operations per second of each round */
    double *cpu;        /* microseconds of the server for one operation */
};

static uint64_t server_ns(const struct side *s)
{
    FILE *f = fopen(s->stat_file, "re");
    unsigned long long ns = 0;

    if (!f || fscanf(f, "%llu", &ns) != 1)
        die("%s", s->stat_file);
    fclose(f);
    return ns;
}

static uint64_t run_clients(const struct side *s, void (*run)(const char *), int clients, uint64_t until,
                            uint64_t *done)
{
    uint64_t sum = 0;

    for (int i = 0; i < clients; i++) {
        pid_t pid = fork();
        if (pid < 0)
            die("fork");
        if (pid == 0) {
            done[i] = client(run, s->path, until);
            _exit(0);
        }
    }
    for (int i = 0, status; i < clients; i++)
        if (wait(&status) < 0 || status != 0)
            die("a client failed");
    for (int i = 0; i < clients; i++)
        sum += done[i];
    return sum;
}

static void one_round(struct side *s, size_t round, void (*run)(const char *), int clients, unsigned ms,
                      uint64_t *done)
{
    uint64_t cpu = server_ns(s), begin = now_ns();
    uint64_t n = run_clients(s, run, clients, begin + (uint64_t)ms * 1000000, done);

    s->rate[round] = (double)n / ((double)(now_ns() - begin) / 1e9);
    s->cpu[round] = (double)(server_ns(s) - cpu) / 1e3 / (double)n;
}

/* ---- One client alone does each operation on both sides in turn, with both servers on its own processor: what else the
 * machine does befalls both alike, whatever the scheduler thinks of either. A side's rate is that of its median operation,
 * so that one that was held up counts for no more than any other. */

static void one_round_in_turn(struct side s[2], size_t round, void (*run)(const char *), unsigned ms)
{
    static double took[2][1 << 16];
    uint64_t cpu[2] = { server_ns(&s[0]), server_ns(&s[1]) }, end = now_ns() + 2000000ull * ms;
    size_t n = 0;

    for (; n < sizeof took[0] / sizeof took[0][0] && now_ns() < end; n++) {
        for (int k = 0; k < 2; k++) {
            int side = (int)(n + (size_t)k) & 1;
            uint64_t begin = now_ns();
            run(s[side].path);
            took[side][n] = (double)(now_ns() - begin);
        }
    }
    for (int k = 0; k < 2; k++) {
        s[k].rate[round] = 1e9 / percentile(took[k], n, 0.5);
        s[k].cpu[round] = (double)(server_ns(&s[k]) - cpu[k]) / 1e3 / (double)n;
    }
}

static void set_processors(pid_t pid, const cpu_set_t *all)
{
    if (sched_setaffinity(pid, sizeof *all, all) < 0)
        die("sched_setaffinity");
}

static void rounds_in_turn(struct side s[2], size_t rounds, void (*run)(const char *), unsigned ms)
{
    cpu_set_t all, here;

    if (sched_getaffinity(0, sizeof all, &all) < 0)
        die("sched_getaffinity");
    CPU_ZERO(&here);
    CPU_SET((size_t)sched_getcpu(), &here);
    for (int k = 0; k < 3; k++)
        set_processors(k < 2 ? s[k].pid : 0, &here);
    for (size_t r = 0; r < rounds; r++)
        one_round_in_turn(s, r, run, ms);
    for (int k = 0; k < 2; k++)
        set_processors(s[k].pid, &all);
}

static void print(const char *name, int clients, struct side s[2], size_t n)
{
    double *ratio = calloc(n, sizeof *ratio);

    for (size_t i = 0; i < n; i++)
        ratio[i] = s[0].rate[i] / s[1].rate[i];
    printf("%-32s %d %9.0f %9.0f  %5.2f (%.2f .. %.2f)", name, clients, percentile(s[0].rate, n, 0.5),
           percentile(s[1].rate, n, 0.5), percentile(ratio, n, 0.5), percentile(ratio, n, 0.25),
           percentile(ratio, n, 0.75));
    printf("  %6.1f %6.1f\n", percentile(s[0].cpu, n, 0.5), percentile(s[1].cpu, n, 0.5));
    free(ratio);
}

int main(int argc, char **argv)
{
    void (*run)(const char *) = NULL;
    struct side sides[2] = { 0 };

    if (argc != 10)
        die("usage: bench-metadata NAME OP CLIENTS ROUNDS MS OURS THEIRS OUR-PID THEIR-PID");
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (strcmp(ops[i].name, argv[2]) == 0)
            run = ops[i].run;
    int clients = atoi(argv[3]), rounds = atoi(argv[4]), ms = atoi(argv[5]);
    if (!run || clients < 1 || rounds < 1 || ms < 1)
        die("a number or the operation is wrong");
    for (int k = 0; k < 2; k++) {
        sides[k].path = argv[6 + k];
        sides[k].pid = atoi(argv[8 + k]);
        snprintf(sides[k].stat_file, sizeof sides[k].stat_file, "/proc/%s/schedstat", argv[8 + k]);
        sides[k].rate = calloc((size_t)rounds, sizeof(double));
        sides[k].cpu = calloc((size_t)rounds, sizeof(double));
        run(sides[k].path);
    }
    uint64_t *done =
        mmap(NULL, (size_t)clients * sizeof *done, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (done == MAP_FAILED)
        die("no memory");
    if (clients == 1)
        rounds_in_turn(sides, (size_t)rounds, run, (unsigned)ms);
    for (int r = 0; r < rounds && clients > 1; r++)
        for (int k = 0; k < 2; k++) /* who is first takes turns too */
            one_round(&sides[(r + k) & 1], (size_t)r, run, clients, (unsigned)ms, done);
    print(argv[1], clients, sides, (size_t)rounds);
    return 0;
}
