#include "mosquitto_library.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

struct entry {
    size_t place;
    const char *name;
};

#define ENTRY(member, name) { offsetof(struct vigil_mosquitto, member), "mosquitto_" name }

static const struct entry entries[] = {
    ENTRY(lib_init, "lib_init"), ENTRY(create, "new"), ENTRY(destroy, "destroy"),
    ENTRY(int_option, "int_option"), ENTRY(will_set, "will_set"), ENTRY(username_pw_set, "username_pw_set"),
    ENTRY(tls_set, "tls_set"), ENTRY(connect, "connect"), ENTRY(disconnect, "disconnect"), ENTRY(publish, "publish"),
    ENTRY(loop_read, "loop_read"), ENTRY(loop_write, "loop_write"), ENTRY(loop_misc, "loop_misc"),
    ENTRY(socket, "socket"), ENTRY(want_write, "want_write"), ENTRY(text, "strerror"),
    ENTRY(connack_text, "connack_string"), ENTRY(reason_text, "reason_string"),
    ENTRY(on_connect, "connect_callback_set"), ENTRY(on_publish, "publish_v5_callback_set"),
    ENTRY(on_log, "log_callback_set"),
};

int vigil_mosquitto_load(struct vigil_mosquitto *table, const char **fault) {
    void *library = dlopen("libmosquitto.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        *fault = "libmosquitto.so.1 can't be loaded: install the package libmosquitto1";
        return -1;
    }
    for (size_t index = 0; index < sizeof entries / sizeof *entries; index++) {
        void *found = dlsym(library, entries[index].name);
        if (found == NULL) {
            *fault = "libmosquitto.so.1 is too old: expected version 2 or later";
            return -1;
        }
        memcpy((char *)table + entries[index].place, &found, sizeof found);
    }
    return 0;
}
