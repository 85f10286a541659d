/* How a zygote makes a husk with one copy of its memory: for the runtime, and none for pid 1 of the sandbox.
 *
 * pid 1 first runs in the zygote's own memory, which waits meanwhile (CLONE_VM | CLONE_VFORK), sets the namespaces up,
 * forks the runtime, and then becomes lambent-init. It uses system calls only and allocates nothing: it may be killed
 * anywhere, and what it has done to that memory until then is the zygote's to live with.
 *
 * guest/zygote/birth.py calls it and describes the plan; guest/zygote/husk.py does the same without it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define INIT "/.lambent/init"
#define PARENTS_PYTHON "/.lambent/python"
#define NAMESPACES (CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#define BACKLOG 16
#define DESCRIPTORS 1024

/* What an order of the agent begins with (lambent/sandbox/births.py); words of the machine's own order. */
struct order {
    char husk[16];      /* its name */
    unsigned text;      /* where the JSON begins, which is the runtime's business */
    unsigned init_uid;  /* what lambent-init is to become at last */
    unsigned api, endpoint; /* ports to listen on inside; endpoint 0: none */
    unsigned namespace; /* the descriptor by which the messages name the new network */
    unsigned hand_over; /* is the agent to have the routing socket? */
    unsigned count;     /* of the messages that follow */
};

struct message {        /* for the kernel's routing socket */
    unsigned inside;    /* from inside the new network, or from the machine's */
    unsigned size;      /* of what follows, without the bytes that fill the last word */
    char data[];
};

struct run {            /* of pages that each runtime is to have copied at once (guest/zygote/pages.py) */
    void *address;
    size_t size;
};

struct born {           /* what the runtime finds */
    int count, fds[4];  /* pid 1's socket, the channel, the log, for a template where it hears of clones */
    int size;
    const char *text;
};

extern pid_t _Fork(void) __attribute__((weak)); /* glibc 2.34: takes no lock, so that none is left locked */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern void PyOS_BeforeFork(void) __attribute__((weak));
extern void PyOS_AfterFork_Child(void) __attribute__((weak));

static char stack[64 * 1024] __attribute__((aligned(16)));
static char datagram[64 * 1024] __attribute__((aligned(16)));
static jmp_buf home;
static int zygote; /* the zygote's socket, where the agent is told of pids */
static pid_t pid1; /* as the agent sees it, written by the kernel before pid 1 runs */
static volatile int told; /* has the agent heard of it? */

int possible(void)
{
    return _Fork && PyOS_BeforeFork && PyOS_AfterFork_Child;
}

static void complain(const char *what)
{
    dprintf(2, "lambent: a husk could not be made: %s: %s\n", what, strerror(errno));
}

static void fail(const char *what)
{
    complain(what);
    _exit(1);
}

static void must(long result, const char *what)
{
    if (result < 0)
        fail(what);
}

/* Until the agent has put this process into its control groups; if it is gone instead, so is this. */
static void wait_for_limits(int control)
{
    char word = 0;
    ssize_t size;
    do
        size = recv(control, &word, 1, 0);
    while (size < 0 && errno == EINTR);
    if (size <= 0 || word != 'G')
        _exit(0);
}

static void loopback_up(void)
{
    struct ifreq request = {.ifr_name = "lo"};
    int probe = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    must(ioctl(probe, SIOCGIFFLAGS, &request), "flags of lo");
    request.ifr_flags |= IFF_UP;
    must(ioctl(probe, SIOCSIFFLAGS, &request), "lo up");
    close(probe);
}

static void enter_namespaces(void)
{
    struct stat about;
    must(unshare(NAMESPACES), "unshare");
    must(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "mount /proc");
    if (!stat(PARENTS_PYTHON, &about)) /* of no use to a function */
        must(umount2(PARENTS_PYTHON, MNT_DETACH), "umount " PARENTS_PYTHON);
    must(sethostname("lambent", 7), "sethostname");
    loopback_up();
}

static int routing_socket(void)
{
    int routing = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
    must(routing, "routing socket");
    return routing;
}

/* A socket that listens inside; the host answers on it. */
static int listen_on(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    must(listener, "socket");
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    must(bind(listener, (struct sockaddr *)&address, sizeof(address)), "bind");
    must(listen(listener, BACKLOG), "listen");
    return listener;
}

static void ask(int routing, const struct message *message)
{
    char answer[8192] __attribute__((aligned(8)));
    const struct nlmsghdr *head = (const struct nlmsghdr *)answer;
    must(send(routing, message->data, message->size, 0), "ask the routing socket");
    must(recv(routing, answer, sizeof(answer), 0), "answer of the routing socket");
    if (head->nlmsg_type == NLMSG_ERROR && ((const struct nlmsgerr *)NLMSG_DATA(head))->error) {
        errno = -((const struct nlmsgerr *)NLMSG_DATA(head))->error;
        fail("the kernel's routing socket");
    }
}

/* The cable to the machine, if there is one. */
static void lay(const struct order *order, int machine, int inside)
{
    const char *at = (const char *)(order + 1);
    if (!order->count)
        return;
    int namespace = open("/proc/self/ns/net", O_RDONLY);
    must(namespace, "/proc/self/ns/net");
    must(dup2(namespace, order->namespace), "dup2");
    close(namespace);
    for (unsigned i = 0; i < order->count; i++) {
        const struct message *message = (const struct message *)at;
        ask(message->inside ? inside : machine, message);
        at += sizeof(*message) + (message->size + 3) / 4 * 4;
    }
    close(order->namespace);
}

/* Tell the agent that the runtime is parked, and hand the sockets over, by name. */
static void announce(int control, const char *names, const int *given, int count)
{
    union { char space[CMSG_SPACE(3 * sizeof(int))]; struct cmsghdr align; } ancillary;
    struct iovec part = {(void *)names, strlen(names)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = ancillary.space,
                             .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(rights), given, count * sizeof(int));
    if (sendmsg(control, &message, MSG_NOSIGNAL) < 0)
        _exit(0); /* the agent is gone */
}

static void close_all(int first, int last)
{
    if (first > last || !syscall(SYS_close_range, first, last, 0))
        return;
    for (int fd = first; fd <= last; fd++) /* before Linux 5.9 */
        close(fd);
}

static void become_init(const struct order *order, int control_fd, pid_t child)
{
    char control[16], pid[16], uid[16];
    char *arguments[] = {"lambent-init", control, pid, uid, NULL}, *environment[] = {NULL};
    int nothing = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        dup2(nothing, fd);
    close_all(3, control_fd - 1);
    close_all(control_fd + 1, DESCRIPTORS);
    fcntl(control_fd, F_SETFD, 0);
    snprintf(control, sizeof(control), "%d", control_fd);
    snprintf(pid, sizeof(pid), "%d", child);
    snprintf(uid, sizeof(uid), "%u", order->init_uid);
    execve(INIT, arguments, environment);
    _exit(1);
}

/* The kernel stops keeping a process's rseq area when it shares memory, and a fork of that has none either; but libc
 * would go on believing in it. */
static void restore_rseq(void)
{
#if defined(SYS_rseq) && (defined(__x86_64__) || defined(__aarch64__))
#ifdef __x86_64__
    unsigned signature = 0x53053053;
#else
    unsigned signature = 0xd428bc00;
#endif
    if (&__rseq_offset)
        syscall(SYS_rseq, (char *)__builtin_thread_pointer() + __rseq_offset, 32, 0, signature);
#endif
}

/* Answer the agent; a pid that no process has lets it give the husk up. */
static void tell(int pid)
{
    char answer[64];
    const struct order *order = (const struct order *)datagram;
    snprintf(answer, sizeof(answer), "{\"husk\": \"%.16s\", \"pid\": %d}", order->husk, pid);
    if (send(zygote, answer, strlen(answer), MSG_NOSIGNAL) < 0)
        _exit(0);
    told = 1;
}

/* pid 1 of the sandbox. */
static int live(void *argument)
{
    const struct born *born = argument;
    const struct order *order = (const struct order *)datagram;
    int control = born->fds[0], given[3], count = 0;
    signal(SIGCHLD, SIG_DFL); /* this table of handlers is not shared */
    signal(SIGPIPE, SIG_DFL);
    tell(pid1);
    wait_for_limits(control);
    int machine = routing_socket();
    enter_namespaces();
    int inside = routing_socket();
    given[count++] = listen_on(order->api);
    lay(order, machine, inside);
    if (order->endpoint)
        given[count++] = listen_on(order->endpoint);
    if (order->hand_over)
        given[count++] = inside;
    pid_t child = _Fork();
    if (child == 0) {
        restore_rseq();
        longjmp(home, 1);
    }
    must(child, "fork");
    const char *names = order->endpoint ? (order->hand_over ? "Rapi,endpoint,routing" : "Rapi,endpoint")
                                        : (order->hand_over ? "Rapi,routing" : "Rapi");
    announce(control, names, given, count);
    become_init(order, control, child);
    return 1;
}

/* The next order, or the end: that of the agent is the zygote's own. */
static void hear(struct born *born)
{
    union { char space[CMSG_SPACE(4 * sizeof(int))]; struct cmsghdr align; } ancillary;
    struct iovec part = {datagram, sizeof(datagram)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = ancillary.space,
                             .msg_controllen = sizeof(ancillary.space)};
    ssize_t size;
    do
        size = recvmsg(zygote, &message, MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    if (size <= 0)
        _exit(0);
    const struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    born->count = rights ? (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
    if (rights)
        memcpy(born->fds, CMSG_DATA(rights), born->count * sizeof(int));
    born->text = datagram + ((const struct order *)datagram)->text;
    born->size = datagram + size - born->text;
}

/* Obey the agent until it goes, without a step of Python: what a zygote writes to is copied for each of its children.
 * Returns in the runtimes only. */
void serve(int control, const struct run *runs, int count, struct born *born)
{
    int flags = CLONE_VM | CLONE_VFORK | CLONE_NEWPID | CLONE_PARENT_SETTID | SIGCHLD;
    zygote = control;
    PyOS_BeforeFork(); /* once for all children: here nothing goes on behind it */
    if (setjmp(home)) {
        for (int i = 0; i < count; i++)
            madvise(runs[i].address, runs[i].size, MADV_POPULATE_WRITE);
        PyOS_AfterFork_Child();
        return;
    }
    for (;;) {
        hear(born);
        told = 0;
        if (clone(live, stack + sizeof(stack), flags, born, &pid1) < 0)
            complain("clone");
        if (!told) /* or pid 1 was killed before it could; twice is no harm */
            tell(-1);
        for (int i = 0; i < born->count; i++)
            close(born->fds[i]);
    }
}
