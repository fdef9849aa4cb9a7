// Every metric is declared here and nowhere else: the code, docs/metrics.md, the dashboard, the alert rules and their tests
// go by this table. A new one is a line here and a source in API/Metrics.
extension Family {
    /// All families, in the order in which they are written.
    public static let all = http + jobs + queue + workers + store + database + callbacks + records + service + process

    /// What requests bring, and what became of them.
    public static let http = [
        httpRequests, httpDuration, httpRequestBytes, httpResponseBytes, httpProblems, refused, connections,
        connectionsAccepted, handshakes,
    ]

    /// Requests by what was asked and how it was answered.
    public static let httpRequests = Family(
        "vigil_http_requests_total", .counter, labels: ["method", "route", "status"],
        "Answered requests, by method, route and status; status none: the connection ended before there was an answer.")
    /// How long requests took.
    public static let httpDuration = Family(
        "vigil_http_request_duration_seconds", .histogram, in: .seconds, labels: ["method", "route", "status"],
        bounds: requestTimes,
        "Time from the last byte of a request's head to the last of its answer, by method, route and class of status.")
    /// What came in.
    public static let httpRequestBytes = Family(
        "vigil_http_request_body_bytes", .histogram, in: .bytes, labels: ["method", "route"], bounds: sizes,
        "Bytes of requests' bodies as they were sent, by method and route.")
    /// What went out.
    public static let httpResponseBytes = Family(
        "vigil_http_response_body_bytes", .histogram, in: .bytes, labels: ["method", "route"], bounds: sizes,
        "Bytes of answers' bodies without their framing, by method and route.")
    /// What was wrong with requests.
    public static let httpProblems = Family(
        "vigil_http_problems_total", .counter, labels: ["type"],
        "Answers that are problems, by their type as /problems lists them, those of requests that are no HTTP among them."
    )
    /// Load that was shed.
    public static let refused = Family(
        "vigil_refused_total", .counter, labels: ["reason"],
        "Requests and connections that were refused for want of something, by what was short.")
    /// Who is there.
    public static let connections = Family("vigil_http_connections", .gauge, "Open connections.")
    /// Who came.
    public static let connectionsAccepted = Family(
        "vigil_http_connections_accepted_total", .counter, "Connections that were accepted.")
    /// TLS.
    public static let handshakes = Family(
        "vigil_tls_handshakes_total", .counter, labels: ["outcome"],
        "TLS handshakes, by outcome: done, failed, closed by the client, or plain for a request without TLS.")

    /// What has become of jobs.
    public static let jobs = [
        jobsSubmitted, jobsEnded, jobsNow, jobWait, jobScore, jobWrite, chunksScored, snippetsScored, leasesLapsed,
        jobsExpired, canaryJobs, canarySnippets, canaryChanged,
    ]

    /// What was accepted.
    public static let jobsSubmitted = Family(
        "vigil_jobs_submitted_total", .counter, labels: ["priority"], "Jobs that were accepted, by priority.")
    /// What has ended.
    public static let jobsEnded = Family(
        "vigil_jobs_ended_total", .counter, labels: ["status"], "Jobs that have ended, by how.")
    /// What there is.
    public static let jobsNow = Family(
        "vigil_jobs", .gauge, labels: ["status"], "Jobs that there are, by status; ended ones until they expire.")
    /// The first phase.
    public static let jobWait = Family(
        "vigil_job_wait_seconds", .histogram, in: .seconds, bounds: jobTimes,
        "Time from a job's acceptance to when a worker began with it.")
    /// The second.
    public static let jobScore = Family(
        "vigil_job_score_seconds", .histogram, in: .seconds, bounds: jobTimes,
        "Time from when a worker began with a job to when it was scored.")
    /// The third.
    public static let jobWrite = Family(
        "vigil_job_write_seconds", .histogram, in: .seconds, bounds: requestTimes,
        "Time to write the end of a job that a worker has had.")
    /// Parts.
    public static let chunksScored = Family(
        "vigil_chunks_scored_total", .counter, "Chunks of videos that workers have scored.")
    /// Rows.
    public static let snippetsScored = Family(
        "vigil_snippets_scored_total", .counter, "Snippets of the chunks that workers have scored.")
    /// Workers that were lost.
    public static let leasesLapsed = Family(
        "vigil_job_leases_lapsed_total", .counter, "Claims on jobs that ran out since their worker did not renew them.")
    /// What had its time.
    public static let jobsExpired = Family(
        "vigil_jobs_expired_total", .counter, "Ended jobs that were removed since their time was over.")

    /// Jobs of `--canary`.
    public static let canaryJobs = Family(
        "vigil_canary_jobs_total", .counter, labels: ["outcome"],
        "Jobs that were to be scored by the canary too, by outcome: compared, passed over for want of room, or failed by the canary."
    )
    /// Their rows.
    public static let canarySnippets = Family(
        "vigil_canary_snippets_total", .counter, "Snippets that the canary has scored too.")
    /// Where it tells something else.
    public static let canaryChanged = Family(
        "vigil_canary_changed_snippets_total", .counter, labels: ["by"],
        "Those of them whose coarse score is another by at least so much.")

    /// What waits.
    public static let queue = [
        queueJobs, queueBytes, queueOldest, queueLimitJobs, queueLimitBytes, queueReserved, queueUnserved,
    ]

    /// How long the queue is.
    public static let queueJobs = Family(
        "vigil_queue_jobs", .gauge, labels: ["priority", "model"],
        "Jobs that wait for a worker, or for their model, by priority and model.")
    /// How heavy it is.
    public static let queueBytes = Family(
        "vigil_queue_bytes", .gauge, in: .bytes, labels: ["priority", "model"],
        "Bytes of the inputs of jobs that wait, by priority and model.")
    /// How old it is.
    public static let queueOldest = Family(
        "vigil_queue_oldest_wait_seconds", .gauge, in: .seconds, labels: ["priority", "model"],
        "How long the oldest job that waits has waited, by priority and model; 0 where none does.")
    /// What it may hold.
    public static let queueLimitJobs = Family(
        "vigil_queue_limit_jobs", .gauge, "Jobs that may wait; more are refused.")
    /// What it may weigh.
    public static let queueLimitBytes = Family(
        "vigil_queue_limit_bytes", .gauge, in: .bytes, "Bytes of inputs that may wait; more are refused.")
    /// What is coming.
    public static let queueReserved = Family(
        "vigil_queue_reserved_bytes", .gauge, in: .bytes, "Bytes that are kept free for uploads that are on their way.")
    /// What can't be done here.
    public static let queueUnserved = Family(
        "vigil_queue_unserved_jobs", .gauge, "Jobs that wait for a model that is not served.")

    /// Who works.
    public static let workers = [workersNow, workersBusy, workerTime, keyTime]

    /// How many there are.
    public static let workersNow = Family("vigil_workers", .gauge, "Threads that score and are alive.")
    /// How many have something to do.
    public static let workersBusy = Family(
        "vigil_workers_busy", .gauge, "Threads that score and are at a step, or help with one.")
    /// How much they did.
    public static let workerTime = Family(
        "vigil_worker_busy_seconds_total", .counter, in: .seconds,
        "Time that workers were at a step or helped with one; its rate over vigil_workers is how busy they are.")
    /// For whom.
    public static let keyTime = Family(
        "vigil_cpu_seconds_total", .counter, in: .seconds, labels: ["key"],
        "Processor time that scoring took, by the API key that submitted the job: anonymous without one, other beyond 64."
    )

    /// Where jobs are kept.
    public static let store = [storeCommit, storeSteps, storeDatabase, storeLog, storeFree]

    /// How fast the disk is.
    public static let storeCommit = Family(
        "vigil_store_commit_seconds", .histogram, in: .seconds, bounds: requestTimes,
        "Time that a transaction of the state folder took, its flush of the disk among it.")
    /// How well it is used.
    public static let storeSteps = Family(
        "vigil_store_steps_total", .counter,
        "Steps that were committed; over the count of commits, how many shared a flush of the disk.")
    /// What it holds.
    public static let storeDatabase = Family(
        "vigil_store_database_bytes", .gauge, in: .bytes, "Bytes of the state folder's database.")
    /// What is on its way there.
    public static let storeLog = Family(
        "vigil_store_wal_bytes", .gauge, in: .bytes, "Bytes of the write-ahead log that are not in the database yet.")
    /// What is left.
    public static let storeFree = Family(
        "vigil_store_free_bytes", .gauge, in: .bytes, "Bytes that are free on the state folder's disk.")

    /// Who is told.
    public static let callbacks = [callbackTries, callbacksWaiting, alertTries, alertsWaiting, alertPlaces]

    /// How that goes.
    public static let callbackTries = Family(
        "vigil_callback_tries_total", .counter, labels: ["outcome"],
        "Tries to deliver a callback, by outcome: delivered, failed, refused by the policy, gone, given up.")
    /// What is left to tell.
    public static let callbacksWaiting = Family(
        "vigil_callbacks_waiting", .gauge, "Callbacks that are on their way or wait for their next try.")

    /// What this is.
    public static let service = [buildInfo, modelInfo, selfTest, accepting, ready]

    /// The program.
    public static let buildInfo = Family(
        "vigil_build_info", .info, labels: ["version", "kernels"], "The program and the instruction set that it uses.")
    /// What it serves.
    public static let modelInfo = Family(
        "vigil_model_info", .info, labels: ["model", "sha256", "trained"],
        "The models that are served; trained is false where one has made-up weights.")
    /// Whether that is what it was.
    public static let selfTest = Family(
        "vigil_model_self_test_passed", .gauge, labels: ["model"],
        "1 for a model whose recorded scores the running kernels have reproduced; others are not served.")
    /// Whether it is to go on.
    public static let accepting = Family(
        "vigil_accepting_jobs", .gauge, "1 until the process has been told to end, then 0.")
    /// Whether it can.
    public static let ready = Family(
        "vigil_ready", .gauge,
        "1 while /readyz is 200; 0 where the store or the audit log can't be written, or the process is leaving.")
}
