import Formats

/// What a request has sent: one matrix, or a batch of them, and the options that came as fields of a form.
package struct Upload: Sendable {
    /// The matrices in the order they came in, at least one.
    var matrices: [NamedMatrix]
    /// Whether this is a batch: more than one matrix, whatever they came in.
    package var isBatch = false
    /// The fields that are no files, and what stands beside `features` in the only file, where that is JSON.
    package var parameters: [Parameter] = []
}

/// A matrix of an upload.
struct NamedMatrix: Sendable {
    /// In a batch what tells it from the others, never nil and never twice; alone its file's name, nil where none is
    /// known.
    var name: String?
    /// What messages call it: the file as the client named it, with its ending.
    var file: String?
    /// The matrix, of any shape: whether it can be scored is for ``FeatureCheck`` to say.
    var array: DecodedArray
    /// What was found about its file that whoever sent it should know.
    var notes: [String] = []
}
