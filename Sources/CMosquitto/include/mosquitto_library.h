/*
 * The functions of libmosquitto that are used here, found when they are wanted: a server that speaks no MQTT runs without the
 * library, and none of its headers is needed to build this. They are those of version 2 (libmosquitto.so.1), as mosquitto.h
 * declares them.
 */
#ifndef VIGIL_CMOSQUITTO_H
#define VIGIL_CMOSQUITTO_H

#include <stdbool.h>

struct mosquitto;

struct vigil_mosquitto {
    int (*lib_init)(void);
    struct mosquitto *(*create)(const char *id, bool clean_session, void *object);
    void (*destroy)(struct mosquitto *);
    int (*int_option)(struct mosquitto *, int option, int value);
    int (*will_set)(struct mosquitto *, const char *topic, int length, const void *payload, int qos, bool retain);
    int (*username_pw_set)(struct mosquitto *, const char *user, const char *password);
    int (*tls_set)(
        struct mosquitto *, const char *ca_file, const char *ca_folder, const char *certificate, const char *key,
        int (*passphrase)(char *, int, int, void *));
    int (*connect)(struct mosquitto *, const char *host, int port, int keepalive);
    int (*disconnect)(struct mosquitto *);
    int (*publish)(
        struct mosquitto *, int *id, const char *topic, int length, const void *payload, int qos, bool retain);
    int (*loop_read)(struct mosquitto *, int packets);
    int (*loop_write)(struct mosquitto *, int packets);
    int (*loop_misc)(struct mosquitto *);
    int (*socket)(struct mosquitto *);
    bool (*want_write)(struct mosquitto *);
    const char *(*text)(int code);
    const char *(*connack_text)(int code);
    const char *(*reason_text)(int code);
    void (*on_connect)(struct mosquitto *, void (*)(struct mosquitto *, void *object, int code));
    void (*on_publish)(
        struct mosquitto *, void (*)(struct mosquitto *, void *object, int id, int reason, const void *properties));
    void (*on_log)(struct mosquitto *, void (*)(struct mosquitto *, void *object, int level, const char *text));
};

enum {
    VIGIL_MOSQUITTO_PROTOCOL_VERSION = 1,
    VIGIL_MOSQUITTO_NO_DELAY = 11,
    VIGIL_MOSQUITTO_LOG_WARNING = 4,
    VIGIL_MOSQUITTO_LOG_ERROR = 8,
    VIGIL_MOSQUITTO_LOG_DEBUG = 16,
};

/*
 * Finds the library and fills the table; the library is never let go of.
 * Returns 0, or -1: then `fault` is told what is missing, in words that stay.
 */
int vigil_mosquitto_load(struct vigil_mosquitto *table, const char **fault);

#endif
