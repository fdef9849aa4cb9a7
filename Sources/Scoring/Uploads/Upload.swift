public import Formats

/// What was sent: one matrix, or a batch of them, and the options that came beside them.
///
/// On its way to a job a matrix is three things. A `DecodedArray` is what a file says, numbers of any shape; `Formats`
/// makes it. A ``NamedMatrix`` is that array as a part of an upload, with its name and what is to be said of it;
/// `UploadReader` makes it, and ``UploadFile`` for commands. An `AcceptedMatrix` has been looked at: features of the
/// right width, with their report; `ScoringService.accept` makes it, and `submit` a job of it, whose input is the same
/// memory.
public struct Upload: Sendable {
    /// The matrices in the order they came in, at least one unless there are videos.
    public var matrices: [NamedMatrix]
    /// Whether this is a batch: more than one matrix, whatever they came in.
    public var isBatch = false
    /// The videos in the order they came in; there are none beside matrices.
    var videos: [NamedVideo] = []
    /// The fields that are no files, and what stands beside `features` in the only file, where that is JSON: parameters,
    /// which nobody has looked at.
    public var parameters: [Parameter] = []
}

/// A matrix of an upload.
public struct NamedMatrix: Sendable {
    /// In a batch what tells it from the others, never nil and never twice; alone its file's name, nil where none is
    /// known.
    public var name: String?
    /// What messages call it: the file as the client named it, with its ending.
    public var file: String?
    /// The matrix, of any shape: whether it can be scored is for `FeatureCheck` to say.
    public var array: DecodedArray
    /// What was found about its file that whoever sent it should know.
    public var notes: [String] = []
}

/// A video of an upload, which is on the shelf.
struct NamedVideo: Sendable {
    /// In a batch what tells it from the others; alone its file's name, nil where none is known.
    var name: String?
    /// What messages call it.
    var file: String?
    let video: ShelvedVideo
}
