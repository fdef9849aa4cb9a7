#ifndef VIGIL_CPOSTGRES_SHIM_H
#define VIGIL_CPOSTGRES_SHIM_H

/* What is called of libpq, as its manual has it: the numbers and types are those of its binary interface, which is that of
   libpq.so.5 since 2005, and pipelines since PostgreSQL 14. Nothing is linked, and no header of its own is needed: who keeps no
   jobs in PostgreSQL need not have libpq, nor the twenty libraries that come with it, and it is loaded by its name where it is
   asked for. */
typedef struct pg_conn PGconn;
typedef struct pg_result PGresult;
typedef struct _PQconninfoOption PQconninfoOption;
typedef unsigned int Oid;
typedef void (*PQnoticeReceiver)(void *arg, const PGresult *result);

/* Its enumerations are ints. */
#define CONNECTION_BAD 1
#define PGRES_POLLING_READING 1
#define PGRES_POLLING_WRITING 2
#define PGRES_POLLING_OK 3
#define PGRES_COMMAND_OK 1
#define PGRES_TUPLES_OK 2
#define PGRES_PIPELINE_SYNC 10
#define PGRES_PIPELINE_ABORTED 11

typedef PQconninfoOption *(*vigil_PQconninfoParse)(const char *conninfo, char **errmsg);
typedef void (*vigil_PQconninfoFree)(PQconninfoOption *options);
typedef void (*vigil_PQfreemem)(void *memory);
typedef PGconn *(*vigil_PQconnectStartParams)(const char *const *keywords, const char *const *values, int expand_dbname);
typedef int (*vigil_PQconnectPoll)(PGconn *conn);
typedef void (*vigil_PQfinish)(PGconn *conn);
typedef int (*vigil_PQstatus)(const PGconn *conn);
typedef int (*vigil_PQsocket)(const PGconn *conn);
typedef char *(*vigil_PQhost)(const PGconn *conn);
typedef char *(*vigil_PQport)(const PGconn *conn);
typedef char *(*vigil_PQdb)(const PGconn *conn);
typedef char *(*vigil_PQerrorMessage)(const PGconn *conn);
typedef int (*vigil_PQserverVersion)(const PGconn *conn);
typedef int (*vigil_PQsetnonblocking)(PGconn *conn, int arg);
typedef PQnoticeReceiver (*vigil_PQsetNoticeReceiver)(PGconn *conn, PQnoticeReceiver receiver, void *arg);
typedef int (*vigil_PQenterPipelineMode)(PGconn *conn);
typedef int (*vigil_PQpipelineSync)(PGconn *conn);
typedef int (*vigil_PQsendQueryParams)(
    PGconn *conn, const char *command, int count, const Oid *types, const char *const *values, const int *lengths,
    const int *formats, int result_format);
typedef int (*vigil_PQsendPrepare)(PGconn *conn, const char *name, const char *command, int count, const Oid *types);
typedef int (*vigil_PQsendQueryPrepared)(
    PGconn *conn, const char *name, int count, const char *const *values, const int *lengths, const int *formats,
    int result_format);
typedef int (*vigil_PQflush)(PGconn *conn);
typedef int (*vigil_PQconsumeInput)(PGconn *conn);
typedef int (*vigil_PQisBusy)(PGconn *conn);
typedef PGresult *(*vigil_PQgetResult)(PGconn *conn);
typedef int (*vigil_PQresultStatus)(const PGresult *result);
typedef char *(*vigil_PQresultErrorField)(const PGresult *result, int field);
typedef void (*vigil_PQclear)(PGresult *result);
typedef int (*vigil_PQntuples)(const PGresult *result);
typedef int (*vigil_PQnfields)(const PGresult *result);
typedef char *(*vigil_PQgetvalue)(const PGresult *result, int row, int column);
typedef int (*vigil_PQgetlength)(const PGresult *result, int row, int column);
typedef int (*vigil_PQgetisnull)(const PGresult *result, int row, int column);
typedef char *(*vigil_PQcmdTuples)(PGresult *result);

#endif
