#ifndef VIGIL_CPOSTGRES_SHIM_H
#define VIGIL_CPOSTGRES_SHIM_H

/* Debian and others have it in a folder of its own. */
#if __has_include(<libpq-fe.h>)
#include <libpq-fe.h>
#else
#include <postgresql/libpq-fe.h>
#endif

/* What is called of libpq, by its type. Nothing is linked: who keeps no jobs in PostgreSQL need not have libpq, nor the
   twenty libraries that come with it, and it is loaded by its name where it is asked for. */
#define VIGIL_PQ(name) typedef __typeof__(name) *vigil_##name
VIGIL_PQ(PQlibVersion);
VIGIL_PQ(PQconninfoParse);
VIGIL_PQ(PQconninfoFree);
VIGIL_PQ(PQfreemem);
VIGIL_PQ(PQconnectStartParams);
VIGIL_PQ(PQconnectPoll);
VIGIL_PQ(PQfinish);
VIGIL_PQ(PQstatus);
VIGIL_PQ(PQsocket);
VIGIL_PQ(PQhost);
VIGIL_PQ(PQport);
VIGIL_PQ(PQdb);
VIGIL_PQ(PQerrorMessage);
VIGIL_PQ(PQserverVersion);
VIGIL_PQ(PQsetnonblocking);
VIGIL_PQ(PQsetNoticeProcessor);
VIGIL_PQ(PQenterPipelineMode);
VIGIL_PQ(PQpipelineSync);
VIGIL_PQ(PQsendQueryParams);
VIGIL_PQ(PQflush);
VIGIL_PQ(PQconsumeInput);
VIGIL_PQ(PQisBusy);
VIGIL_PQ(PQgetResult);
VIGIL_PQ(PQresultStatus);
VIGIL_PQ(PQresultErrorField);
VIGIL_PQ(PQclear);
VIGIL_PQ(PQntuples);
VIGIL_PQ(PQnfields);
VIGIL_PQ(PQgetvalue);
VIGIL_PQ(PQgetlength);
VIGIL_PQ(PQgetisnull);
VIGIL_PQ(PQcmdTuples);
#undef VIGIL_PQ

#endif
