import Platform

/// What identifies a model to those who read its scores.
public struct ModelInfo: Sendable {
    /// Its name, `ucf-crime` for instance.
    public var name: String
    /// False where the weights are random: scores then mean nothing.
    public var trained: Bool
    /// SHA-256 of the model file.
    public let digest: FileDigest
    /// SHA-256 of the model file, in hexadecimal.
    public var sha256: String { digest.value }
    /// SHA-256 of the checkpoint that it was imported from, in hexadecimal.
    public var sourceSHA256: String
    /// VadCLIP's own parameters, CLIP's not counted.
    public var parameters: Int

    /// Takes the facts as they are.
    public init(name: String, trained: Bool, digest: FileDigest, sourceSHA256: String, parameters: Int) {
        self.name = name
        self.trained = trained
        self.digest = digest
        self.sourceSHA256 = sourceSHA256
        self.parameters = parameters
    }
}
