/*
 * What Swift's Glibc module leaves out, or what Swift takes for unsafe: accept4, socket filters, epoll, the allocator, the
 * environment, programs
 * that are started with bounds.
 */
#ifndef VIGIL_CLINUX_H
#define VIGIL_CLINUX_H

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>

/*
 * Accepts one connection, non-blocking and closed on exec. `address` has room for any address family.
 * Returns the descriptor, or -1 with errno set.
 */
int vigil_accept(int listener, struct sockaddr_storage *address, socklen_t *length);

/*
 * From now on the kernel drops what would begin another TCP connection to `listener`, as if it had been lost on the way:
 * its client sends it again a second later. Connections that have begun are completed. A connection that is accepted
 * inherits the filter, which no segment of an open connection is met by.
 * Returns 0, or -1 with errno set.
 */
int vigil_drop_handshakes(int listener);

/*
 * Sets up the C library's allocator: blocks of `mapped` bytes or more are mapped one by one and go back to the system
 * when they are freed, whatever was freed; of the rest each of at most `arenas` pools keeps up to `kept` free bytes.
 */
void vigil_keep_memory(int mapped, int kept, int arenas);

/* Gives the system back whatever pages of the pools are free as a whole. */
void vigil_give_back_memory(void);

/* The variables that the process began with, NAME=VALUE each, up to a null pointer. Nothing here ever changes them. */
char **vigil_environment(void);

/* What holds for a child beside its limits. */
enum {
    /* A network of its own, which is none, by a namespace. */
    VIGIL_CHILD_OWN_NETWORK = 1,
    /* A seccomp filter: no socket that leaves the machine, no group of its own, and none of the calls that only debuggers and
     * administrators make. */
    VIGIL_CHILD_FILTERED = 2,
};

/* A program that is to be started: its three descriptors, and its bounds. */
struct vigil_child {
    const char *program;
    char *const *arguments;
    char *const *environment;
    int input, output, errors;
    /* Of the address space, in bytes. */
    uint64_t memory;
    /* Then it gets SIGXCPU, and SIGKILL five seconds later. */
    uint64_t processor_seconds;
    int bounds;
};

/*
 * A pipe whose ends no child has by accident, reading first; it holds so many bytes where the system lets it.
 * Returns 0, or -1 with errno set.
 */
int vigil_pipe(int ends[2], int bytes);

/*
 * Starts a program without a shell, as the leader of a session and group of its own. It has its three descriptors and no
 * other, can write no file and gain no privilege, and is killed when the thread that called ends. Where this process ignores
 * that its children end, it does so no more.
 * Returns 0, or what was wrong as errno has it; then there is no child.
 */
int vigil_start_child(const struct vigil_child *child, pid_t *pid);

/*
 * Waits for the end of a child, kills what is left of its group, and leaves it to be reaped. Until then its number is
 * nobody else's, so that it can be killed by it.
 * Returns its exit code, or the negative number of the signal that ended it; that of SIGKILL where
 * somebody else has reaped it, whose group is left alone then.
 */
int vigil_wait_child(pid_t pid);

/* Reaps a child that has ended. */
void vigil_reap_child(pid_t pid);

#endif
