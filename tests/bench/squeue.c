/* SPDX-License-Identifier: MIT */
/* What reading a long queue costs: bench-squeue JOBS OURS PARSES. Prints the milliseconds of one parse of an
 * output of JOBS rows of which OURS are a mount's, and what the program's resident memory grew by in all parses
 * but the first tenth. */
#include "backend/scheduler/slurm_parse.h"
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAG "0123456789abcdef"

static char *queue_output(int jobs, int ours, size_t *len)
{
    static const char *const fields[SLURM_N_FIELDS] = SLURM_FIELDS;
    char *text = NULL;
    FILE *f = open_memstream(&text, len);

    if (!f)
        die("open_memstream");
    fputs("Welcome\n" TAG "\n" TAG " now 1764630000 2025-12-01T23:00:00\n", f);
    for (int i = -1; i < jobs; i++) {
        fputs(TAG "[", f);
        for (int k = 0; k < SLURM_N_FIELDS; k++) {
            fputs(k ? "|" TAG "|" : "", f);
            if (i < 0)
                fputs(k ? fields[k] : SLURM_HEADING, f);
            else if (!k)
                fprintf(f, "%d", 100000 + i);
            else if (!strcmp(fields[k], "%T"))
                fputs("RUNNING", f);
            else if (!strcmp(fields[k], "%j"))
                fprintf(f, "%s-%d", i < ours ? "ours" : "somebody-else", i);
            else if (!strcmp(fields[k], "%L") || !strcmp(fields[k], "%M"))
                fputs("1-02:03:04", f);
            else
                fputs("a-field-of-some-length", f);
        }
        fputs("]" TAG "\n", f);
    }
    fputs(TAG " end 0\n", f);
    fclose(f);
    return text;
}

static long resident_kib(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    long size, resident = 0;

    if (!f || fscanf(f, "%ld %ld", &size, &resident) != 2)
        die("/proc/self/statm");
    fclose(f);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        die("usage: bench-squeue JOBS OURS PARSES");
    int n = atoi(argv[1]), ours = atoi(argv[2]), parses = atoi(argv[3]), status;
    size_t len;
    char *out = queue_output(n, ours, &len);
    double *ms = calloc((size_t)parses, sizeof *ms);
    long before = 0;

    for (int i = 0; i < parses; i++) {
        struct slurm_jobs jobs;
        struct err e;
        uint64_t began = now_ns();

        if (slurm_parse_queue(out, len, TAG, "ours-", 1764630000, &jobs, &status, &e) < 0 ||
            jobs.n != (size_t)ours)
            die("the queue cannot be read");
        slurm_jobs_free(&jobs);
        ms[i] = (double)(now_ns() - began) / 1e6;
        if (i == parses / 10)
            before = resident_kib();
    }
    printf("%d jobs, %d ours, %zu KiB: median %.2f ms, p99 %.2f; memory grew by %ld KiB in %d parses\n", n,
           ours, len / 1024, percentile(ms, (size_t)parses, 0.5), percentile(ms, (size_t)parses, 0.99),
           resident_kib() - before, parses - parses / 10);
    free(ms);
    free(out);
    return 0;
}
