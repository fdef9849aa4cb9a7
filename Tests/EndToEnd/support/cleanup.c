// Preloaded into a program, tells on stderr where libcrypto has something done at the program's exit.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

int __cxa_atexit(void (*function)(void *), void *argument, void *library) {
    static const char said[] = "libcrypto cleans up at the exit\n";
    Dl_info info;
    if (dladdr((void *)function, &info) && info.dli_fname && strstr(info.dli_fname, "libcrypto"))
        (void)!write(STDERR_FILENO, said, sizeof said - 1);
    return ((int (*)(void (*)(void *), void *, void *))dlsym(RTLD_NEXT, "__cxa_atexit"))(function, argument, library);
}
