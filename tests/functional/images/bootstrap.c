/* A custom runtime without any library: speaks the Runtime API, and says what it sees of its environment.
 * An event is a JSON string: "argv", "cwd", "uid", "env NAME", "read PATH", "write PATH", "list PATH", "link PATH".
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char request[65536], answer[65536];
static int count;
static char **words;

static int dial(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    char host[64] = "";
    snprintf(host, sizeof(host), "%s", getenv("AWS_LAMBDA_RUNTIME_API"));
    char *port = strchr(host, ':');
    *port++ = 0;
    inet_pton(AF_INET, host, &to.sin_addr);
    to.sin_port = htons(atoi(port));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
        exit(3);
    return fd;
}

/* One exchange on a connection of its own; the whole response is in `request` afterwards. */
static void talk(const char *method, const char *path, const char *body)
{
    int fd = dial(), size = 0, got;
    dprintf(fd, "%s /2018-06-01/runtime/%s HTTP/1.1\r\nHost: api\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s", method,
            path, strlen(body), body);
    while ((got = read(fd, request + size, sizeof(request) - 1 - size)) > 0) {
        request[size += got] = 0;
        char *end = strstr(request, "\r\n\r\n"), *length = strcasestr(request, "\r\ncontent-length:");
        if (end && length && size >= end + 4 - request + atoi(length + 17))
            break;
    }
    close(fd);
}

static void add(const char *text)
{
    size_t at = strlen(answer);
    for (; *text && at < sizeof(answer) - 8; text++)
        if (*text == '"' || *text == '\\' || *text < ' ')
            at += sprintf(answer + at, "\\u%04x", (unsigned char)*text);
        else
            answer[at++] = *text;
    answer[at] = 0;
}

static void see(char *event)
{
    char text[8192] = "";
    char *rest = strchr(event, ' ');
    if (rest)
        *rest++ = 0;
    if (!strcmp(event, "argv"))
        for (int i = 0; i < count; i++) {
            add(i ? " " : "");
            add(words[i]);
        }
    else if (!strcmp(event, "cwd"))
        add(getcwd(text, sizeof(text)) ? text : strerror(errno));
    else if (!strcmp(event, "uid"))
        add(getuid() ? "not root" : "root");
    else if (!strcmp(event, "env"))
        add(getenv(rest) ? getenv(rest) : "(unset)");
    else if (!strcmp(event, "link"))
        add(readlink(rest, text, sizeof(text) - 1) > 0 ? text : strerror(errno));
    else if (!strcmp(event, "list")) {
        struct dirent **found;
        int entries = scandir(rest, &found, NULL, alphasort);
        if (entries < 0)
            add(strerror(errno));
        for (int i = 0; i < entries; i++)
            if (found[i]->d_name[0] != '.') {
                add(found[i]->d_name);
                add(" ");
            }
    } else {
        int writing = !strcmp(event, "write");
        int fd = open(rest, writing ? O_WRONLY | O_CREAT : O_RDONLY, 0644);
        int size = fd < 0 ? -1 : writing ? (int)write(fd, "x", 1) : (int)read(fd, text, sizeof(text) - 1);
        add(size < 0 ? strerror(errno) : writing ? "written" : text);
        if (fd >= 0)
            close(fd);
    }
}

int main(int argc, char **argv)
{
    char event[4096], id[128], path[256];
    count = argc;
    words = argv;
    for (;;) {
        talk("GET", "invocation/next", "");
        sscanf(strcasestr(request, "lambda-runtime-aws-request-id:") + 30, " %127s", id);
        snprintf(event, sizeof(event), "%s", strstr(request, "\r\n\r\n") + 5);
        event[strcspn(event, "\"")] = 0;
        strcpy(answer, "\"");
        see(event);
        strcat(answer, "\"");
        snprintf(path, sizeof(path), "invocation/%s/response", id);
        talk("POST", path, answer);
    }
}
