/// Forms as curl writes them.
public enum SampleForm {
    /// What stands between their parts.
    public static let boundary = "------------------------d74496d66958873e"

    /// A part of a form.
    public static func part(_ field: String, file: String? = nil, type: String? = nil, _ content: [UInt8]) -> [UInt8] {
        var head = "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(field)\""
        if let file { head += "; filename=\"\(file)\"" }
        if let type = type ?? (file == nil ? nil : "application/octet-stream") { head += "\r\nContent-Type: \(type)" }
        return Array("\(head)\r\n\r\n".utf8) + content + Array("\r\n".utf8)
    }

    /// A form of these parts.
    public static func form(_ parts: [[UInt8]]) -> [UInt8] {
        parts.flatMap { $0 } + Array("--\(boundary)--\r\n".utf8)
    }
}
