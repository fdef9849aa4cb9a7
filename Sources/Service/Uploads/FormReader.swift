import Formats
import HTTP

/// Takes a form's parts in: the field `features` is the matrix, the others are options.
struct FormReader {
    private let width: Int
    private let limits: ArrayLimits
    private let maxFieldBytes: Int
    private var decoder: UploadDecoder?
    private var array: DecodedArray?
    private var name: String?
    private var text: [UInt8] = []
    private var fields: [(name: String, value: String)] = []

    init(width: Int, limits: ArrayLimits, maxFieldBytes: Int) {
        self.width = width
        self.limits = limits
        self.maxFieldBytes = maxFieldBytes
    }

    /// Bytes of the matrix so far.
    var heldBytes: Int { decoder?.heldBytes ?? (array?.values.count ?? 0) * 4 }

    mutating func take(_ event: MultipartEvent) throws {
        switch event {
        case .partBegan(let part): try begin(part)
        case .data(let bytes): try feed(bytes)
        case .partEnded: try end()
        }
    }

    /// The upload, once the last part has ended.
    func finish() throws(HTTPProblem) -> Upload {
        guard let array else {
            throw Problem.unreadable("The form has no field 'features': expected a file of that name.")
        }
        return Upload(array: array, fields: fields)
    }

    private mutating func begin(_ part: MultipartPart) throws {
        text = []
        guard part.name == "features" else {
            name = part.name
            return
        }
        guard array == nil, decoder == nil else {
            throw Problem.unreadable("The form has the field 'features' twice: expected one matrix.")
        }
        decoder = UploadDecoder(format: try format(of: part), width: width, limits: limits)
    }

    private mutating func feed(_ bytes: [UInt8]) throws {
        if decoder != nil {
            try decoder?.feed(bytes)
        } else {
            guard text.count + bytes.count <= maxFieldBytes else {
                throw Problem.unreadable(
                    "The form's field '\((name ?? "").prefix(60))' is longer than \(maxFieldBytes) bytes; "
                        + "the matrix goes in the field 'features'.")
            }
            text += bytes
        }
    }

    private mutating func end() throws {
        if decoder != nil {
            array = try decoder?.finish()
            decoder = nil
        } else if let name {
            // An option that is left empty in a browser's form is one that is not given.
            if !text.isEmpty { fields.append((name, String(decoding: text, as: UTF8.self))) }
            self.name = nil
        }
    }

    /// Browsers and curl label files as plain bytes or by their own guess, so that the file's name counts first.
    private func format(of part: MultipartPart) throws(HTTPProblem) -> UploadFormat {
        if let named = part.filename.flatMap(UploadFormat.named) { return named }
        switch part.contentType?.essence {
        case "application/x-npy": return .npy
        case "application/vnd.safetensors": return .safetensors
        case "application/json": return .json
        default: return .bytes
        }
    }
}
