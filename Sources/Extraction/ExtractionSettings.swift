import Frames
import Platform
import Tensors

/// What becomes of the features of a row's frames.
public enum Pooling: String, CaseIterable, Sendable {
    /// Their mean.
    case mean
    /// The first frame's is the row's.
    case first
    /// The middle frame's is: the ninth of sixteen.
    case middle
}

/// What becomes of the frames behind the last whole row.
public enum Tail: String, CaseIterable, Sendable {
    /// They make no row.
    case drop
    /// They make a row of those that there are.
    case keep
}

/// By what frames are counted out to rows.
public enum Cadence: String, CaseIterable, Sendable {
    /// So many frames are a row, whenever they come.
    case frames
    /// The frames of so long a time are a row, however many they are: of so many frames at 30 a second.
    case time

    /// Frames a second that a row by time is as long as.
    public static let rate = 30.0
}

extension Cadence {
    /// Rates at which as many frames as at 30 a second take a time that is not half as long again, or two thirds as long.
    private static let usual = 20.0...45.0

    /// What to say of a video that is counted out to rows of 16 frames at its rate; nil where these are about as long as the rows that
    /// models are trained on.
    ///
    /// - Parameter rate: frames a second, where they are known
    public func advice(rate: Double?) -> String? {
        guard self == .frames, let rate, rate > 0, !Self.usual.contains(rate) else { return nil }
        func text(_ number: Double) -> String {
            let rounded = (number * 100).rounded() / 100
            return Int(exactly: rounded).map { "\($0)" } ?? "\(rounded)"
        }
        return
            "at \(text(rate)) frames a second 16 frames, a row, are \(text(16 / rate)) s, and 0.53 s in the videos that "
            + "models are trained on: the cadence 'time' makes rows of that length"
    }
}

/// How a video's frames become rows of features.
public struct ExtractionSettings: Equatable, Sendable {
    /// Frames that a row may have.
    public static let frames = 1...256

    /// One matrix of features for each.
    public let recipes: [Recipe]
    /// What a row is made of.
    public let pooling: Pooling
    /// Consecutive frames of a row.
    public let framesPerRow: Int
    /// What becomes of those that are no whole row.
    public let tail: Tail
    /// The arithmetic of the tower's products.
    public let compute: Compute
    /// By what frames are counted out.
    public let cadence: Cadence

    /// Takes the settings as they are.
    public init(
        recipes: [Recipe], pooling: Pooling = .mean, framesPerRow: Int = 16, tail: Tail = .drop,
        compute: Compute = .float32, cadence: Cadence = .frames
    ) {
        precondition(!recipes.isEmpty && Self.frames.contains(framesPerRow), "a row has frames, and a frame a recipe")
        self.recipes = recipes
        self.pooling = pooling
        self.framesPerRow = framesPerRow
        self.tail = tail
        self.compute = compute
        self.cadence = cadence
    }

    /// What was done to have a recipe's features, a line a step: equal texts are equal features of equal frames and towers.
    public func text(of recipe: Recipe) -> String {
        "vigil recipe 1\n" + recipe.text + "pool \(pooling.rawValue) of \(framesPerRow)\n" + "tail \(tail.rawValue)\n"
            + (compute == .float32 ? "" : "compute \(compute.rawValue)\n")
            + (cadence == .time ? "cadence \(framesPerRow)/30 s\n" : "")
    }

    /// SHA-256 of the text, in hexadecimal.
    public func digest(of recipe: Recipe) -> String {
        Array(text(of: recipe).utf8).withUnsafeBytes { SHA256.hexDigest(of: $0) }
    }

    /// As ``Cadence/advice(rate:)`` says; nil where rows have another number of frames.
    public func advice(rate: Double?) -> String? { framesPerRow == 16 ? cadence.advice(rate: rate) : nil }

    /// How many rows so many frames make.
    package func rows(of frames: Int) -> Int {
        frames / framesPerRow + (tail == .keep && !frames.isMultiple(of: framesPerRow) ? 1 : 0)
    }

    /// The frames whose pixels are looked at, where they are always the same ones of a row and not all.
    public var selection: FrameSelection? {
        guard cadence == .frames, framesPerRow > 1 else { return nil }
        switch pooling {
        case .mean: return nil
        case .first: return FrameSelection(every: framesPerRow, place: 0)
        case .middle: return tail == .drop ? FrameSelection(every: framesPerRow, place: framesPerRow / 2) : nil
        }
    }

    /// Seconds of a row by time.
    var rowSeconds: Double { Double(framesPerRow) / Cadence.rate }

    /// What a frame is to its row.
    enum Use {
        /// Nothing.
        case none
        /// The only one that counts, until another one comes.
        case alone
        /// One of those that count.
        case beside
    }

    /// What a frame at a place of its row is to it.
    func use(of place: Int) -> Use {
        let middle = framesPerRow / 2
        switch pooling {
        case .mean: return .beside
        case .first: return place == 0 ? .alone : .none
        // In a tail that is kept, the last frame stands in for a middle that does not come.
        case .middle: return place == middle || (tail == .keep && place < middle) ? .alone : .none
        }
    }
}
