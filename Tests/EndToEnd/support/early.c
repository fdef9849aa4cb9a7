// Preloaded into a program, sends it two signals before any of its own functions is called.
#include <signal.h>

__attribute__((constructor)) static void begin(void) {
    raise(SIGHUP);
    raise(SIGUSR1);
}
