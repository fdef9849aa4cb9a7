/// Makes of frames the squares that an image tower takes, for one recipe or several at once.
///
/// What depends on a frame's size alone is kept for the next one of this size.
public struct Preprocessor: Sendable {
    /// One square for each, in their order.
    public let recipes: [Recipe]
    private var plan: Plan?

    /// A preprocessor of these recipes.
    public init(_ recipes: [Recipe]) { self.recipes = recipes }

    /// For each recipe its square: resolution × resolution × 3 bytes, R G B by rows.
    public mutating func images(of frame: Frame) -> [[UInt8]] {
        let plan: Plan
        if let known = self.plan, known.width == frame.width, known.height == frame.height {
            plan = known
        } else {
            plan = Plan(recipes, width: frame.width, height: frame.height)
            self.plan = plan
        }
        return frame.withUnsafeBytes { plan.images(of: $0) }
    }
}

/// What is done with frames of one size.
private struct Plan: Sendable {
    /// A resize of the frame, and what is cut from it.
    private struct Source: Sendable {
        let resize: Resize
        /// Where the resized part begins.
        let window: Window
        var cuts: [Cut] = []
    }

    private enum Resize: Sendable {
        case bicubic(BicubicResize)
        case bilinear(BilinearResize)

        func picture(of frame: UnsafeRawBufferPointer) -> Picture {
            switch self {
            case .bicubic(let resize): resize.picture(of: frame)
            case .bilinear(let resize): resize.picture(of: frame)
            }
        }
    }

    private struct Cut: Sendable {
        /// Which recipe's.
        let index: Int
        /// Within the resized part.
        let window: Window
        let isMirrored: Bool
        /// What follows where the tower takes another size.
        let after: BicubicResize?
    }

    let width: Int
    let height: Int
    private var sources: [Source] = []
    private let count: Int

    init(_ recipes: [Recipe], width: Int, height: Int) {
        (self.width, self.height, count) = (width, height, recipes.count)
        let size = (width: width, height: height)
        for kind in Recipe.Kind.allCases {
            let parts = recipes.enumerated().compactMap { index, recipe in
                recipe.kind == kind ? recipe.part.map { (index: index, part: $0) } : nil
            }
            guard !parts.isEmpty else { continue }
            let window = Window.around(parts.map(\.part.window))
            let resize: Resize =
                kind == .vadclip
                ? .bilinear(BilinearResize(from: size, to: Recipe.cropped, window: window))
                : .bicubic(BicubicResize(from: size, to: Recipe.cropped, window: window))
            var source = Source(resize: resize, window: window)
            for (index, part) in parts {
                var inside = part.window
                inside.left -= window.left
                inside.top -= window.top
                let resolution = recipes[index].resolution
                source.cuts.append(
                    Cut(
                        index: index, window: inside, isMirrored: part.isMirrored,
                        after: resolution == Recipe.cropSide
                            ? nil : Self.square(from: (Recipe.cropSide, Recipe.cropSide), side: resolution)))
            }
            sources.append(source)
        }
        for (index, recipe) in recipes.enumerated() where recipe.part == nil {
            let side = recipe.resolution
            let whole = Window(left: 0, top: 0, width: side, height: side)
            sources.append(
                Source(
                    resize: .bicubic(Self.square(from: size, side: side)), window: whole,
                    cuts: [Cut(index: index, window: whole, isMirrored: false, after: nil)]))
        }
    }

    /// CLIP's own: the short side becomes `side` long, and the middle is taken.
    private static func square(from size: (width: Int, height: Int), side: Int) -> BicubicResize {
        let target = Recipe.scaled(size, to: side)
        return BicubicResize(
            from: size, to: target, window: Window.middle(side, of: target.width, target.height))
    }

    func images(of frame: UnsafeRawBufferPointer) -> [[UInt8]] {
        var images = [[UInt8]](repeating: [], count: count)
        for source in sources {
            let picture = source.resize.picture(of: frame)
            for cut in source.cuts {
                let isWhole = cut.window.width == picture.width && cut.window.height == picture.height
                let part = isWhole && !cut.isMirrored ? picture : picture.cut(cut.window, isMirrored: cut.isMirrored)
                images[cut.index] =
                    cut.after.map { after in
                        part.bytes.withUnsafeBytes { after.picture(of: $0).bytes }
                    } ?? part.bytes
            }
        }
        return images
    }
}
