package import Jobs

extension MovedJob.Input {
    /// The input as it was before it was put into its form; nil where the body is not of that form.
    package var plainBody: JobBody? {
        PayloadForm(rawValue: form)?.decode(body, plain: plain, areFloats: areFloats)
    }

    /// An input in the form that suits it.
    package init(_ input: JobBody) {
        let (form, body) = PayloadForm.encode(input)
        self.init(form: form.rawValue, plain: input.count, areFloats: input.floats != nil, body: body)
    }
}
