/* pid 1 of a sandbox: reaps, attaches the function's code once, and ends the sandbox when its runtime ends.
 *
 *   lambent-init CONTROL_FD CHILD_PID UID
 *
 * CONTROL_FD is a SOCK_SEQPACKET pair with the node agent. Messages from the agent:
 *   'M' linger '\0' target '\0' target '\0' ...   with one detached mount for each target (SCM_RIGHTS): attach them,
 *                                                  then give up every privilege; with linger '1' the end of the child
 *                                                  is only told, and the others in here live on until 'K'
 *   'K'                                            end now
 * Messages to the agent: 'm' attached, 'e' and errno as an int, 'X' and the wait status of the child as an int.
 * The agent's end closing means that the agent is gone: nothing would ever stop this sandbox, so it ends itself.
 * When pid 1 exits the kernel kills everything else in the pid namespace.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_move_mount
#define SYS_move_mount 429
#endif
#define MAX_MOUNTS 8 /* the code, /opt, /tmp and room for more */

static int control, child, linger;
static uid_t drop_to;

static void report(char kind, int value)
{
    char message[1 + sizeof(int)];
    message[0] = kind;
    memcpy(message + 1, &value, sizeof(int));
    send(control, message, sizeof(message), MSG_NOSIGNAL);
}

/* Nothing after the code is attached needs a privilege, so none is kept. */
static int give_up_privileges(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2];
    memset(none, 0, sizeof(none));
    if (drop_to && (setgroups(0, NULL) || setresgid(drop_to, drop_to, drop_to) || setresuid(drop_to, drop_to, drop_to)))
        return -1;
    if (syscall(SYS_capset, &header, none))
        return -1;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void attach(char *text, size_t length, int *mounts, int count)
{
    const char *target = text;
    int failed = 0;
    linger = text[0] == '1';
    for (int i = 0; i < count; i++) {
        target += strlen(target) + 1;
        if (!failed && target >= text + length)
            failed = EINVAL;
        if (!failed && syscall(SYS_move_mount, mounts[i], "", AT_FDCWD, target, 4 /* MOVE_MOUNT_F_EMPTY_PATH */))
            failed = errno;
        close(mounts[i]);
    }
    if (!failed && give_up_privileges())
        failed = errno;
    report(failed ? 'e' : 'm', failed);
}

static void obey(void)
{
    char data[4096];
    union { char space[CMSG_SPACE(sizeof(int) * MAX_MOUNTS)]; struct cmsghdr align; } ancillary;
    struct iovec part = {data, sizeof(data) - 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = ancillary.space,
                             .msg_controllen = sizeof(ancillary.space)};
    int mounts[MAX_MOUNTS], count = 0;
    ssize_t size = recvmsg(control, &message, MSG_CMSG_CLOEXEC);
    if (size < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (size <= 0 || data[0] == 'K')
        _exit(0);
    data[size] = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
            count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            memcpy(mounts, CMSG_DATA(c), count * sizeof(int));
        }
    if (data[0] == 'M')
        attach(data + 1, size - 1, mounts, count);
}

static void reap(void)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == child) {
            report('X', status);
            if (!linger)
                _exit(0);
        }
}

int main(int argc, char **argv)
{
    sigset_t signals;
    struct signalfd_siginfo ignored;
    if (argc != 4)
        return 2;
    control = atoi(argv[1]);
    child = atoi(argv[2]);
    drop_to = atoi(argv[3]);
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int deaths = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    reap(); /* the child may have died before the signal was watched */
    for (;;) {
        struct pollfd watched[2] = {{control, POLLIN, 0}, {deaths, POLLIN, 0}};
        if (poll(watched, 2, -1) < 0)
            continue;
        if (watched[1].revents) {
            while (read(deaths, &ignored, sizeof(ignored)) > 0) {}
            reap();
        }
        if (watched[0].revents)
            obey();
    }
}
