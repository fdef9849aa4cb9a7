#if Postgres
    import CPostgres
    import Platform

    /// libpq, loaded where it is asked for: it brings some twenty libraries with it, which nobody else needs in memory.
    ///
    /// Sound as `@unchecked Sendable`: nothing of it changes once it is made, and what is called takes a connection, which is
    /// one thread's at a time.
    struct LibPQ: @unchecked Sendable {
        /// Loaded once, or why it can't be.
        static let shared = Result { () throws(PostgresError) in try LibPQ() }

        let parse: vigil_PQconninfoParse
        let freeOptions: vigil_PQconninfoFree
        let freeMemory: vigil_PQfreemem
        let connectStart: vigil_PQconnectStartParams
        let connectPoll: vigil_PQconnectPoll
        let finish: vigil_PQfinish
        let status: vigil_PQstatus
        let socket: vigil_PQsocket
        let host: vigil_PQhost
        let port: vigil_PQport
        let database: vigil_PQdb
        let errorMessage: vigil_PQerrorMessage
        let serverVersion: vigil_PQserverVersion
        let setNonBlocking: vigil_PQsetnonblocking
        let setNoticeReceiver: vigil_PQsetNoticeReceiver
        let enterPipeline: vigil_PQenterPipelineMode
        let pipelineSync: vigil_PQpipelineSync
        let send: vigil_PQsendQueryParams
        let prepare: vigil_PQsendPrepare
        let sendPrepared: vigil_PQsendQueryPrepared
        let flush: vigil_PQflush
        let consumeInput: vigil_PQconsumeInput
        let isBusy: vigil_PQisBusy
        let getResult: vigil_PQgetResult
        let resultStatus: vigil_PQresultStatus
        let errorField: vigil_PQresultErrorField
        let clear: vigil_PQclear
        let rows: vigil_PQntuples
        let columns: vigil_PQnfields
        let value: vigil_PQgetvalue
        let length: vigil_PQgetlength
        let isNull: vigil_PQgetisnull
        let affected: vigil_PQcmdTuples

        private init() throws(PostgresError) {
            // Never closed: other threads may be in it as long as the process lives.
            guard let handle = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL) else {
                throw .unusable("libpq.so.5, PostgreSQL's library, is not installed (Debian's package is libpq5)")
            }
            func find<Function>(_ name: String, as type: Function.Type) throws(PostgresError) -> Function {
                guard let symbol = dlsym(handle, name) else {
                    throw .unusable("the libpq that is installed has no \(name): it is older than PostgreSQL 14")
                }
                // Sound: the types are those that libpq's manual has, for this major version of its interface.
                return unsafeBitCast(symbol, to: type)
            }
            parse = try find("PQconninfoParse", as: vigil_PQconninfoParse.self)
            freeOptions = try find("PQconninfoFree", as: vigil_PQconninfoFree.self)
            freeMemory = try find("PQfreemem", as: vigil_PQfreemem.self)
            connectStart = try find("PQconnectStartParams", as: vigil_PQconnectStartParams.self)
            connectPoll = try find("PQconnectPoll", as: vigil_PQconnectPoll.self)
            finish = try find("PQfinish", as: vigil_PQfinish.self)
            status = try find("PQstatus", as: vigil_PQstatus.self)
            socket = try find("PQsocket", as: vigil_PQsocket.self)
            host = try find("PQhost", as: vigil_PQhost.self)
            port = try find("PQport", as: vigil_PQport.self)
            database = try find("PQdb", as: vigil_PQdb.self)
            errorMessage = try find("PQerrorMessage", as: vigil_PQerrorMessage.self)
            serverVersion = try find("PQserverVersion", as: vigil_PQserverVersion.self)
            setNonBlocking = try find("PQsetnonblocking", as: vigil_PQsetnonblocking.self)
            setNoticeReceiver = try find("PQsetNoticeReceiver", as: vigil_PQsetNoticeReceiver.self)
            enterPipeline = try find("PQenterPipelineMode", as: vigil_PQenterPipelineMode.self)
            pipelineSync = try find("PQpipelineSync", as: vigil_PQpipelineSync.self)
            send = try find("PQsendQueryParams", as: vigil_PQsendQueryParams.self)
            prepare = try find("PQsendPrepare", as: vigil_PQsendPrepare.self)
            sendPrepared = try find("PQsendQueryPrepared", as: vigil_PQsendQueryPrepared.self)
            flush = try find("PQflush", as: vigil_PQflush.self)
            consumeInput = try find("PQconsumeInput", as: vigil_PQconsumeInput.self)
            isBusy = try find("PQisBusy", as: vigil_PQisBusy.self)
            getResult = try find("PQgetResult", as: vigil_PQgetResult.self)
            resultStatus = try find("PQresultStatus", as: vigil_PQresultStatus.self)
            errorField = try find("PQresultErrorField", as: vigil_PQresultErrorField.self)
            clear = try find("PQclear", as: vigil_PQclear.self)
            rows = try find("PQntuples", as: vigil_PQntuples.self)
            columns = try find("PQnfields", as: vigil_PQnfields.self)
            value = try find("PQgetvalue", as: vigil_PQgetvalue.self)
            length = try find("PQgetlength", as: vigil_PQgetlength.self)
            isNull = try find("PQgetisnull", as: vigil_PQgetisnull.self)
            affected = try find("PQcmdTuples", as: vigil_PQcmdTuples.self)
        }
    }
#endif
