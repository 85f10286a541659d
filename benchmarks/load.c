/* A load generator that costs next to nothing, so that a benchmark on two cores measures the server and not its client.
 *
 *   load PORT CONNECTIONS SECONDS REQUEST_FILE
 *
 * Every connection sends the request again as soon as it has the whole answer (by Content-Length). Prints one line:
 * calls, errors (answers that are not 200 or 202), seconds, p50, p99 and the longest, in microseconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST 8000000
#define ROOM 65536

struct caller { int fd; double sent; int have; char data[ROOM]; };

static char request[ROOM];
static int request_size;
static float *taken;
static long calls, errors;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void ask(struct caller *c)
{
    c->have = 0;
    c->sent = now();
    if (write(c->fd, request, request_size) != request_size)
        exit(3);
}

/* The size of the answer that begins in data, or 0 while its head is incomplete. */
static int whole(struct caller *c)
{
    c->data[c->have] = 0;
    char *end = strstr(c->data, "\r\n\r\n");
    if (!end)
        return 0;
    char *length = strcasestr(c->data, "\r\ncontent-length:");
    return (end - c->data) + 4 + (length && length < end ? atoi(length + 17) : 0);
}

static void hear(struct caller *c)
{
    int got = read(c->fd, c->data + c->have, ROOM - 1 - c->have);
    if (got <= 0)
        exit(4);
    c->have += got;
    int size = whole(c);
    if (!size || c->have < size)
        return;
    if (calls < MOST)
        taken[calls++] = (now() - c->sent) * 1e6;
    errors += strncmp(c->data, "HTTP/1.1 20", 11) != 0;
    ask(c);
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    int count = atoi(argv[2]), epoll = epoll_create1(0), one = 1;
    double seconds = atof(argv[3]), began = now();
    struct caller *callers = calloc(count, sizeof(struct caller));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    taken = malloc(sizeof(float) * MOST);
    int file = open(argv[4], O_RDONLY);
    request_size = read(file, request, ROOM);
    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &callers[i]};
        callers[i].fd = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(callers[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (connect(callers[i].fd, (struct sockaddr *)&address, sizeof(address)))
            return 5;
        epoll_ctl(epoll, EPOLL_CTL_ADD, callers[i].fd, &event);
        ask(&callers[i]);
    }
    while (now() - began < seconds) {
        struct epoll_event ready[64];
        int n = epoll_wait(epoll, ready, 64, 100);
        for (int i = 0; i < n; i++)
            hear(ready[i].data.ptr);
    }
    seconds = now() - began;
    qsort(taken, calls, sizeof(float), compare);
    printf("%ld %ld %.3f %.1f %.1f %.1f\n", calls, errors, seconds, calls ? taken[calls / 2] : 0,
           calls ? taken[(long)(calls * 0.99)] : 0, calls ? taken[calls - 1] : 0);
    return 0;
}
