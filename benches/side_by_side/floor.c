/* The floor: the least that a server can do for a client. It takes a connection, sends the poem, closes; one
   client after the other, without a log. Around that it is a daemon like the others.

   floor PORT POEM PIDFILE */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static char poem[1 << 20];
static const char *pid_file;

static void end(int signal)
{
    (void)signal;
    unlink(pid_file);
    _exit(0);
}

static void serve(int listener, size_t length)
{
    for (;;) {
        int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0)
            continue;
        send(client, poem, length, MSG_NOSIGNAL);
        close(client);
    }
}

static size_t read_poem(const char *name)
{
    FILE *file = fopen(name, "r");
    if (!file)
        err(1, "%s", name);
    size_t length = fread(poem, 1, sizeof poem, file);
    fclose(file);
    return length;
}

static int listen_on(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096))
        err(1, "port %d", port);
    return listener;
}

static void write_pid_file(void)
{
    FILE *file = fopen(pid_file, "w");
    if (!file)
        err(1, "%s", pid_file);
    fprintf(file, "%d\n", getpid());
    fclose(file);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        errx(1, "floor PORT POEM PIDFILE");
    int listener = listen_on(atoi(argv[1]));
    size_t length = read_poem(argv[2]);
    pid_file = argv[3];
    signal(SIGTERM, end);
    if (daemon(1, 1))
        err(1, "daemon");
    write_pid_file();
    serve(listener, length);
}
