/* pid 1 of a sandbox: reaps, attaches the function's code once, and ends the sandbox when its runtime ends.
 *
 *   lambent-init CONTROL_FD CHILD_PID UID
 *
 * CONTROL_FD is a SOCK_SEQPACKET pair with the node agent. Messages from the agent:
 *   'M' linger '\0' target '\0' target '\0' ...   with one detached mount for each target (SCM_RIGHTS): attach them,
 *                                                  then give up every privilege; with linger '1' the end of the child
 *                                                  is only told, and the others in here live on until 'K'; a mount
 *                                                  for the target / becomes the root, and those after it lie in it
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
#define IMAGE "/.lambent/image" /* where the root of an image is put before it becomes the root */
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

/* The root of a container image becomes the root of everybody in here; the runtime's own is let go. What of it the
 * image goes on seeing is bound into places that are real directories and files in every image (store/image_tree.py). */
static int enter_image(int root)
{
    static const char *const kept[] = {"/proc", "/dev", "/etc/resolv.conf", "/etc/hosts"};
    char place[64];
    if (syscall(SYS_move_mount, root, "", AT_FDCWD, IMAGE, 4 /* MOVE_MOUNT_F_EMPTY_PATH */))
        return -1;
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        snprintf(place, sizeof(place), IMAGE "%s", kept[i]);
        if (mount(kept[i], place, NULL, MS_BIND | MS_REC, NULL) && errno != ENOENT)
            return -1;
    }
    /* With the same directory twice the old root lies on top of the new one, from where it is taken away. */
    if (chdir(IMAGE) || syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH))
        return -1;
    return chdir("/");
}

static int attach_one(int tree, const char *target)
{
    if (!strcmp(target, "/"))
        return enter_image(tree);
    return syscall(SYS_move_mount, tree, "", AT_FDCWD, target, 4 /* MOVE_MOUNT_F_EMPTY_PATH */);
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
        if (!failed && attach_one(mounts[i], target))
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
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* a function of the same user could write this memory, and speak to the agent */
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
