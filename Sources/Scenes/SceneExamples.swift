import Frames

/// Single pictures of made-up scenes, and what is to be seen in them: what an image tower learns from.
///
/// They are of clips of their own kind, none of those that a model is trained or tested with.
public struct SceneExamples: Sendable {
    private let world: SceneWorld
    private let recipe: Recipe

    /// Pictures of a world as a recipe makes squares of them.
    public init(_ world: SceneWorld, recipe: Recipe) { (self.world, self.recipe) = (world, recipe) }

    /// A picture's square and its sights, for each of ``SceneSight`` 1 or 0. Half of the pictures are of an event where their
    /// shot has one.
    public subscript(number: Int) -> (square: [UInt8], sights: [Float]) {
        var random = SceneRandom(seed: world.seed, kind: "picture", number: number)
        let shot = world.pictured(number, &random)
        var frame = random.integer(0...shot.frames - 1)
        if let event = shot.event, !event.frames.isEmpty, random.happens(70) {
            frame = random.integer(event.frames.lowerBound...event.frames.upperBound - 1)
        }
        let clip = SceneClip(name: "", shots: [shot])
        var bytes = [UInt8](repeating: 0, count: 3 * SceneClip.size.width * SceneClip.size.height)
        bytes.withUnsafeMutableBytes { clip.draw(frame, into: $0) }
        var preprocessor = Preprocessor([recipe])
        let square = (try? Frame(width: SceneClip.size.width, height: SceneClip.size.height, bytes: bytes))
            .flatMap { preprocessor.images(of: $0).first }
        let seen = SceneSight.sights(of: shot, at: frame)
        return (square ?? [], SceneSight.allCases.map { seen.contains($0) ? 1 : 0 })
    }
}
