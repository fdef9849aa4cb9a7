package import Jobs
import Payloads

extension MovedJob {
    /// The input as it was before stores put it into their form; nil where there is none, or it is not of that form.
    package var plainInput: JobBody? {
        input.flatMap {
            PayloadForm(rawValue: $0.form)?.decode($0.body, plain: $0.plain, areFloats: $0.areFloats)
        }
    }

    /// The same job about a file that this store has, as it has to say then.
    package func about(_ file: JobID, _ subject: JobSubject, _ input: JobBody) -> MovedJob {
        let (form, body) = PayloadForm.encode(input)
        return about(
            file, subject,
            Input(form: form.rawValue, plain: input.count, areFloats: input.floats != nil, body: body))
    }
}
