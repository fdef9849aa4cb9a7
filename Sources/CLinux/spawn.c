#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OWN_CALLS AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_CALLS AUDIT_ARCH_AARCH64
#endif

#ifdef OWN_CALLS
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define REFUSE(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
#define REFUSE_CALL(number) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), REFUSE(EPERM)

/* What no decoder needs, and what is no wider than it has to be for bubblewrap to set up its place. */
static int filter_calls(void) {
    struct sock_filter steps[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_CALLS, 1, 0),
        REFUSE(ENOSYS),
        LOAD(nr),
#if defined(__x86_64__)
        /* The calls of the x32 interface. */
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
        REFUSE(ENOSYS),
#endif
        REFUSE_CALL(__NR_ptrace),
        REFUSE_CALL(__NR_process_vm_readv),
        REFUSE_CALL(__NR_process_vm_writev),
        REFUSE_CALL(__NR_bpf),
        REFUSE_CALL(__NR_perf_event_open),
        REFUSE_CALL(__NR_userfaultfd),
        REFUSE_CALL(__NR_add_key),
        REFUSE_CALL(__NR_request_key),
        REFUSE_CALL(__NR_keyctl),
        REFUSE_CALL(__NR_init_module),
        REFUSE_CALL(__NR_finit_module),
        REFUSE_CALL(__NR_kexec_load),
        REFUSE_CALL(425 /* io_uring_setup */),
        /* Whoever left the group would not be killed with it. */
        REFUSE_CALL(__NR_setsid),
        REFUSE_CALL(__NR_setpgid),
        /* Of sockets those of one machine alone: bubblewrap asks the kernel by AF_NETLINK for its loopback. */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, 4),
        LOAD(args[0]),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 1, 0),
        REFUSE(EACCES),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof steps / sizeof *steps, steps};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
#else
static int filter_calls(void) {
    errno = ENOSYS;
    return -1;
}
#endif

static void close_from(int first) {
#ifdef SYS_close_range
    if (syscall(SYS_close_range, (unsigned)first, ~0U, 0U) == 0) return;
#endif
    struct rlimit limit;
    int last = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 1 << 20 ? (int)limit.rlim_cur : 1 << 20;
    for (int descriptor = first; descriptor < last; descriptor++) close(descriptor);
}

/* `most`, and at the very end so much more. */
static int bound_twice(int what, uint64_t most, uint64_t more) {
    struct rlimit old;
    if (getrlimit(what, &old) != 0) return -1;
    struct rlimit new = {most, most + more};
    if (old.rlim_max < new.rlim_max) new.rlim_max = old.rlim_max;
    if (new.rlim_max < new.rlim_cur) new.rlim_cur = new.rlim_max;
    return setrlimit(what, &new);
}

static int bound(int what, uint64_t most) { return bound_twice(what, most, 0); }

/* What the child does until it is another program: calls of the system alone, the other threads of the process are gone. */
static void become(const struct vigil_child *child, int *report, pid_t parent) {
    int descriptors[] = {child->input, child->output, child->errors};
    /* Out of the way first, each may stand where another one is to go. */
    for (int index = 0; index < 3; index++) {
        descriptors[index] = fcntl(descriptors[index], F_DUPFD_CLOEXEC, 16);
        if (descriptors[index] < 0) return;
    }
    int kept = fcntl(*report, F_DUPFD_CLOEXEC, 16);
    if (kept < 0) return;
    *report = kept;
    for (int index = 0; index < 3; index++) {
        if (dup2(descriptors[index], index) < 0) return;
    }
    if (dup3(kept, 3, O_CLOEXEC) < 0) return;
    *report = 3;
    close_from(4);
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    /* A decoder that is asked to end gives what it has, in an order that need not be the video's: it is killed, or goes on. */
    sigset_t held;
    sigemptyset(&held);
    sigaddset(&held, SIGHUP);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGQUIT);
    sigaddset(&held, SIGTERM);
    sigprocmask(SIG_SETMASK, &held, NULL);
    if (setsid() < 0 || chdir("/") != 0) return;
    if ((child->bounds & VIGIL_CHILD_OWN_NETWORK) && unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC) != 0) return;
    /* After the namespaces, which take the first of them back. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return;
    /* The thread that started this one may be gone since. */
    if (getppid() != parent) _exit(127);
    /* Where both limits of time are one the signal is SIGKILL, which tells nothing. */
    if (bound(RLIMIT_AS, child->memory) != 0 || bound_twice(RLIMIT_CPU, child->processor_seconds, 5) != 0
        || bound(RLIMIT_FSIZE, 0) != 0 || bound(RLIMIT_CORE, 0) != 0 || bound(RLIMIT_NOFILE, 64) != 0)
        return;
    /* In a namespace of its own it counts what is in there; otherwise all that its user has running. */
    if ((child->bounds & VIGIL_CHILD_OWN_NETWORK) && bound(RLIMIT_NPROC, 128) != 0) return;
    if ((child->bounds & VIGIL_CHILD_FILTERED) && filter_calls() != 0) return;
    execve(child->program, child->arguments, child->environment);
}

int vigil_pipe(int ends[2], int bytes) {
    if (pipe2(ends, O_CLOEXEC) != 0) return -1;
    fcntl(ends[0], F_SETPIPE_SZ, bytes);
    return 0;
}

/* A process may begin with its children ignored: then the system reaps them, and nobody learns how they ended. */
static void await_children(void) {
    struct sigaction action;
    if (sigaction(SIGCHLD, NULL, &action) != 0) return;
    if (action.sa_handler != SIG_IGN && !(action.sa_flags & SA_NOCLDWAIT)) return;
    if (action.sa_handler == SIG_IGN) action.sa_handler = SIG_DFL;
    action.sa_flags &= ~SA_NOCLDWAIT;
    sigaction(SIGCHLD, &action, NULL);
}

int vigil_start_child(const struct vigil_child *child, pid_t *pid) {
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) return errno;
    pid_t parent = getpid();
    await_children();
    /* No handler of ours may run in the child. */
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    *pid = fork();
    if (*pid == 0) {
        int place = report[1];
        become(child, &place, parent);
        int code = errno;
        /* Where it can't be told, the exit code tells. */
        _exit(write(place, &code, sizeof code) == sizeof code ? 127 : 126);
    }
    int failed = *pid < 0 ? errno : 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    close(report[1]);
    if (failed == 0) {
        int code = 0;
        ssize_t count;
        do count = read(report[0], &code, sizeof code);
        while (count < 0 && errno == EINTR);
        if (count == sizeof code) {
            failed = code ? code : EINVAL;
            while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR) {
            }
        }
    }
    close(report[0]);
    return failed;
}

int vigil_wait_child(pid_t pid) {
    siginfo_t info = {0};
    /* As long as it is not reaped its number, and that of its group, are nobody else's. */
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) != 0) {
        /* It has been reaped, so that nobody knows how it ended: not well, for all that can be said. */
        if (errno != EINTR) return -SIGKILL;
    }
    kill(-pid, SIGKILL);
    return info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
}

void vigil_reap_child(pid_t pid) {
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}
