import Platform

/// The PPM and PGM files of a folder as one video, in the order of their names: numbers in these by their value, so that
/// 10.ppm comes after 9.ppm.
public struct FolderFrames: FrameSource {
    /// The most files that are read from a folder.
    static let mostFiles = 1 << 22

    /// The files, in their order.
    public let files: [String]
    private var at = 0
    private var current: PortableMaps?
    private var isBegun = false

    /// The frames of a folder; throws where it has none.
    public init(folder: String) throws(FrameError) {
        let names = try Self.names(in: folder)
        let maps = names.filter(Self.isMap)
        guard !maps.isEmpty else {
            let first = names.min { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            throw FrameError(
                .unsupported,
                "the folder has no .ppm or .pgm file" + (first.map { "; its first file is \(quoted($0))" } ?? ""))
        }
        let prefix = folder.ends(with: "/") ? folder : folder + "/"
        files = maps.sorted { NaturalOrder.isBefore($0, $1) }.map { prefix + $0 }
    }

    /// What they come from.
    public var kind: String { "\(counted(files.count, "PPM file")) of a folder" }

    /// Nil: a file may have several frames.
    public var count: Int? { nil }

    /// The next frame.
    public mutating func next(into frame: inout Frame?) throws(FrameError) -> Bool {
        while true {
            if current == nil {
                guard at < files.count else { return false }
                do throws(FileError) { current = PortableMaps(try ByteSource(opening: files[at])) } catch {
                    throw FrameError(.unreadable, error.description)
                }
            }
            do throws(FrameError) {
                if try current?.next(into: &frame) == true {
                    isBegun = true
                    return true
                }
                guard isBegun else { throw FrameError(.truncated, "the file is empty") }
            } catch {
                throw FrameError(error.kind, "\(files[at]): \(error.reason)")
            }
            current = nil
            isBegun = false
            at += 1
        }
    }

    /// Whether a file of that name is taken for one of frames.
    public static func isMap(_ name: String) -> Bool {
        let name = name.asciiLowercase
        return !name.begins(with: ".") && [".ppm", ".pgm", ".pnm"].contains { name.ends(with: $0) }
    }

    private static func names(in folder: String) throws(FrameError) -> [String] {
        var names: [String] = []
        let isRead = try FolderNames.each(in: folder) { (name, isUTF8) throws(FrameError) in
            guard isUTF8 || !isMap(name) else {
                throw FrameError(.unsupported, "the name of a file in it is not UTF-8: \(quoted(name)); rename it")
            }
            guard names.count < mostFiles else {
                throw FrameError(.tooLarge, "the folder has more than \(mostFiles) files")
            }
            names.append(name)
            return true
        }
        guard isRead else { throw FrameError(.unreadable, "the folder can't be read: \(errnoText(errno))") }
        return names
    }
}

/// Names in the order that people give them: runs of digits by their value, all else by bytes.
enum NaturalOrder {
    static func isBefore(_ left: String, _ right: String) -> Bool {
        let (a, b) = (Array(left.utf8), Array(right.utf8))
        var (i, j) = (0, 0)
        while i < a.count, j < b.count {
            if ASCII.isDigit(a[i]), ASCII.isDigit(b[j]) {
                let (one, other) = (run(a, &i), run(b, &j))
                if one.count != other.count { return one.count < other.count }
                if !one.elementsEqual(other) { return one.lexicographicallyPrecedes(other) }
            } else if a[i] != b[j] {
                return a[i] < b[j]
            } else {
                i += 1
                j += 1
            }
        }
        if a.count - i != b.count - j { return a.count - i < b.count - j }
        // The same but for zeros in front of numbers: there has to be an order.
        return a.lexicographicallyPrecedes(b)
    }

    /// The digits at a place without the zeros in front of them; moves on behind them.
    private static func run(_ bytes: [UInt8], _ at: inout Int) -> ArraySlice<UInt8> {
        while at < bytes.count, bytes[at] == ASCII.zero { at += 1 }
        let start = at
        while at < bytes.count, ASCII.isDigit(bytes[at]) { at += 1 }
        return bytes[start..<at]
    }
}
