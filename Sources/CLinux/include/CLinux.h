/*
 * What Swift's Glibc module leaves out, or what Swift takes for unsafe: accept4, socket filters, epoll, the allocator, the
 * environment.
 */
#ifndef VIGIL_CLINUX_H
#define VIGIL_CLINUX_H

#include <sys/epoll.h>
#include <sys/socket.h>

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

#endif
