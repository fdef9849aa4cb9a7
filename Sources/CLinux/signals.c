#include <signal.h>
#include <string.h>

/* A sanitizer's runtime has to come first. */
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer) && !__has_feature(memory_sanitizer)

/*
 * What only has a running server read files again, or log more, must not end one that is still being loaded: from here
 * on both signals do nothing until they are taken. Of all code in the process this is the first to run; before it is the
 * dynamic linker's work, of some milliseconds, in which no program can do anything about a signal.
 */
static void pass_over_signals(int count, char **arguments, char **environment) {
    (void)environment;
    if (count < 2 || strcmp(arguments[1], "serve") != 0)
        return;
    struct sigaction ignoring = {.sa_handler = SIG_IGN};
    sigaction(SIGHUP, &ignoring, NULL);
    sigaction(SIGUSR1, &ignoring, NULL);
}

/* Called before the constructors of all libraries, by glibc; musl passes it over. */
__attribute__((section(".preinit_array"), used)) static void (*first)(int, char **, char **) = pass_over_signals;

#endif
