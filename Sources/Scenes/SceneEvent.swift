/// What can happen in a made-up scene: the classes of its clips.
public enum SceneEvent: String, CaseIterable, Sendable {
    /// Two go for each other.
    case fight
    /// Two cars meet.
    case collision
    /// Something blows up, burns and smokes.
    case explosion
    /// Somebody falls, lies, and gets up.
    case fall
    /// Somebody's bag is snatched, who cries for help.
    case theft

    /// Class labels of made-up scenes, the normal one first.
    public static let labels = ["normal"] + allCases.map(\.rawValue)

    /// Frames that an event of this kind lasts.
    var lengths: ClosedRange<Int> {
        switch self {
        case .fight: 100...240
        case .collision: 110...240
        case .explosion: 110...240
        case .fall: 90...220
        case .theft: 90...180
        }
    }
}
