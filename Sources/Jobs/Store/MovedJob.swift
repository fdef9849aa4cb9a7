/// A job on its way from one store to another, with all that is stored of it.
package struct MovedJob: Sendable {
    /// The input of a job that has not ended, in the form in which stores have it, by its number.
    package struct Input: Sendable {
        package let form: Int
        /// The bytes of the input before they were put into that form.
        package let plain: Int
        /// Whether it came as numbers.
        package let areFloats: Bool
        package let body: [UInt8]

        package init(form: Int, plain: Int, areFloats: Bool, body: [UInt8]) {
            self.form = form
            self.plain = plain
            self.areFloats = areFloats
            self.body = body
        }
    }

    /// A key that stands for the job, or for the batch of which it is the first.
    package struct Key: Sendable {
        package let client: String
        package let text: String
        package let fingerprint: String
        package let batch: BatchID?

        package init(client: String, text: String, fingerprint: String, batch: BatchID?) {
            self.client = client
            self.text = text
            self.fingerprint = fingerprint
            self.batch = batch
        }
    }

    /// What a place of the server's own has to be told, or how far it was told before the job's end.
    package struct Alert: Sendable {
        package let place: String
        package let tries: Int
        package let mark: [UInt8]?
        /// Whether it is to be told.
        package let isDue: Bool

        package init(place: String, tries: Int, mark: [UInt8]?, isDue: Bool) {
            self.place = place
            self.tries = tries
            self.mark = mark
            self.isDue = isDue
        }
    }

    package private(set) var job: Job
    /// Its place in its batch.
    package let place: Int
    package let reuseKey: String?
    package private(set) var input: Input?
    /// The file of the other store that it is about, where there is one.
    package private(set) var file: JobID?
    /// The result of one that has succeeded.
    package let output: [UInt8]?
    package let keys: [Key]
    /// How often somebody was tried to be told of its end; nil where nobody is to be told any more.
    package let callbackTries: Int?
    package let alerts: [Alert]
    package let remarks: JobRemarks?

    package init(
        job: Job, place: Int, reuseKey: String?, input: Input?, output: [UInt8]?, keys: [Key], callbackTries: Int?,
        alerts: [Alert], remarks: JobRemarks?
    ) {
        self.job = job
        self.place = place
        self.reuseKey = reuseKey
        self.input = input
        self.output = output
        self.keys = keys
        self.callbackTries = callbackTries
        self.alerts = alerts
        self.remarks = remarks
    }

    /// The same job about a file that the other store has, as it has to say then.
    package func about(_ file: JobID, _ subject: JobSubject, _ input: Input) -> MovedJob {
        var moved = self
        moved.job.subject = subject
        (moved.input, moved.file) = (input, file)
        return moved
    }

    /// The bytes of its bodies.
    package var bytes: Int { (input?.body.count ?? 0) + (output?.count ?? 0) }
}
