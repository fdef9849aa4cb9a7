import Platform

/// How a frame becomes the square that an image tower takes: which resize, which part, mirrored or not.
public struct Recipe: Hashable, Sendable {
    /// The two that are known.
    public enum Kind: String, CaseIterable, Sendable {
        /// That of VadCLIP's authors: OpenCV's bilinear resize to 340x256 whatever the aspect, and one of ten crops.
        case vadclip
        /// That of OpenAI's CLIP: Pillow's antialiased bicubic resize of the short side, and the square in the middle.
        case clip
    }

    /// How many crops there are.
    public static let crops = 0..<10
    /// Pixels on a side of a crop; a tower that takes another size gets the crop resized as CLIP does it.
    static let cropSide = 224
    /// What the crops are cut from.
    static let cropped = (width: 340, height: 256)
    /// What towers may take.
    public static let resolutions = 1...4_096

    /// Which of the two.
    public let kind: Kind
    /// One of ``crops``; nil for the square in the middle of the whole frame, which only `clip` has.
    ///
    /// `vadclip` numbers them as its authors' demo does: 0 centre, 1 left top, 2 right top, 3 left bottom, 4 right bottom, 5
    /// to 9 these mirrored. `clip` numbers them as torchvision's TenCrop, of Pillow's resize to 340x256: 0 left top, 1 right
    /// top, 2 left bottom, 3 right bottom, 4 centre, 5 to 9 the same of the mirrored frame.
    public let crop: Int?
    /// Pixels on a side of the result.
    public let resolution: Int

    /// A recipe; nil where there is none such.
    public init?(_ kind: Kind, crop: Int?, resolution: Int) {
        guard Self.resolutions.contains(resolution), crop.map({ Self.crops.contains($0) }) ?? (kind == .clip) else {
            return nil
        }
        self.kind = kind
        self.crop = crop
        self.resolution = resolution
    }

    /// All that there are for a tower: of `vadclip` ten, of `clip` the square and ten.
    public static func all(resolution: Int) -> [Recipe] {
        var all: [Recipe] = []
        for kind in Kind.allCases {
            all += ([nil] + crops.map { $0 }).compactMap { (crop: Int?) in
                Recipe(kind, crop: crop, resolution: resolution)
            }
        }
        return all
    }

    /// What is done, a line a step, for a digest: equal texts are equal bytes of every frame.
    public var text: String {
        var lines: [String] = []
        if let part {
            let size = "\(Self.cropped.width)x\(Self.cropped.height)"
            lines.append("resize \(size) \(kind == .vadclip ? "opencv-bilinear" : "pillow-bicubic")")
            lines.append("crop \(part.window.width)x\(part.window.height)+\(part.window.left)+\(part.window.top)")
            if part.isMirrored { lines.append("mirror") }
        }
        if part == nil || resolution != Self.cropSide { lines.append("square \(resolution) pillow-bicubic") }
        return lines.map { $0 + "\n" }.joined()
    }

    /// The part of the resized frame that a crop is.
    struct Part: Equatable {
        let window: Window
        let isMirrored: Bool
    }

    /// Nil for the square of the whole frame.
    var part: Part? {
        guard let crop else { return nil }
        let (width, height) = Self.cropped
        let middle = Window.middle(Self.cropSide, of: width, height)
        let corners = [0, height - Self.cropSide].flatMap { top in
            [0, width - Self.cropSide].map { left in
                Window(left: left, top: top, width: Self.cropSide, height: Self.cropSide)
            }
        }
        let isMirrored = crop >= 5
        switch kind {
        case .vadclip: return Part(window: ([middle] + corners)[crop % 5], isMirrored: isMirrored)
        case .clip:
            // The left part of the mirrored frame is the right one of the frame.
            let order = isMirrored ? [1, 0, 3, 2, 4] : [0, 1, 2, 3, 4]
            return Part(window: (corners + [middle])[order[crop % 5]], isMirrored: isMirrored)
        }
    }

    /// Width and height that a frame has when its short side is as long as the result.
    static func scaled(_ size: (width: Int, height: Int), to side: Int) -> (width: Int, height: Int) {
        let short = min(size.width, size.height)
        return (side * size.width / short, side * size.height / short)
    }
}
