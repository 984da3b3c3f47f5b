/* SPDX-License-Identifier: MIT */
/* The program that ssh starts to ask a question: our own, in this role. See askpass.h. ssh gives the prompt as
 * the one argument and reads the answer, a line, from standard output; an exit status other than 0 means that
 * there is none (OpenSSH 9.2, readpass.c). */
#include "backend/transport/askpass.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PROMPT_MAX 2048 /* what the daemon takes has room for it; longer ones are cut */

/* "Are you sure you want to continue connecting (yes/no/[fingerprint])?" and its sequel "Please type 'yes',
 * 'no' or the fingerprint: ", "Accept updated hostkeys? (yes/no): ". Any other text would be asked for again,
 * for ever. */
static bool is_about_trust(const char *prompt)
{
    return strstr(prompt, "(yes/no") || strstr(prompt, "'yes'");
}

static int connect_to(const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (fd < 0 || strlen(path) >= sizeof addr.sun_path)
        return -1;
    strcpy(addr.sun_path, path);
    return connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0 ? fd : -1;
}

static bool print(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDOUT_FILENO, text, len);
        if (n <= 0)
            return false;
        text += n;
        len -= (size_t)n;
    }
    return true;
}

int askpass_helper_main(int argc, char **argv)
{
    const char *known = getenv(ASKPASS_VARIABLE), *kind = getenv("SSH_ASKPASS_PROMPT");
    const char *prompt = argc > 1 ? argv[1] : "";
    const char *path = known ? strchr(known, ' ') : NULL;
    char packet[PROMPT_MAX + 128], answer[ASKPASS_ANSWER_MAX + 2];

    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }); /* an answer must not end in a core file */
    if (!path || is_about_trust(prompt) || (kind && strcasecmp(kind, "confirm") == 0))
        return 1;
    int fd = connect_to(path + 1);
    /* A notice ("none") is shown until ssh ends us. */
    snprintf(packet, sizeof packet, "%.*s %s %.*s", (int)(path - known), known,
             kind && strcasecmp(kind, "none") == 0 ? "tell" : "ask", PROMPT_MAX, prompt);
    if (fd < 0 || send(fd, packet, strlen(packet), MSG_NOSIGNAL) < 0)
        return 1;
    ssize_t n = recv(fd, answer, sizeof answer - 1, 0);
    if (n < 1 || answer[0] != 'A')
        return 1;
    answer[n] = '\n';
    bool printed = print(answer + 1, (size_t)n);
    explicit_bzero(answer, sizeof answer);
    return printed ? 0 : 1;
}
