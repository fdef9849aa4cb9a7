#include "CLinux.h"

extern char **environ;

char **vigil_environment(void) {
    return environ;
}
