import Tensors
import VadCLIP

/// A made-up video: its features and what happens in them.
public struct SceneVideo: Equatable, Sendable {
    /// What its files and rows of lists are called.
    public let name: String
    /// Rows, [T, d].
    public let features: Matrix
    /// What happens, and in which snippets.
    public let events: [Event]

    /// An event and its snippets, those outside of the video left out.
    public struct Event: Equatable, Sendable {
        /// What it is.
        public let kind: SceneEvent
        /// From its first snippet to before its last.
        public let snippets: Range<Int>

        /// Its frames.
        public var frames: Range<Int> {
            let frames = ModelConfiguration.framesPerSnippet
            return snippets.lowerBound * frames..<snippets.upperBound * frames
        }
    }

    /// The label that a list has: the events' classes, each once, or that of the normal class.
    public var label: String {
        let kinds = SceneEvent.allCases.filter { kind in events.contains { $0.kind == kind } }
        return kinds.isEmpty ? SceneEvent.labels[0] : kinds.map(\.rawValue).joined(separator: ";")
    }
}

extension SceneWorld {
    /// The training video of a number: every second one has an event, as often of each kind.
    ///
    /// Most are about as long as the embedded model's chunk, some shorter, so that the padding behind a video is known in
    /// all places. An event may have begun before the video or go on after it, so that each part of one has to be known by
    /// itself.
    public func trainingVideo(_ number: Int) -> SceneVideo {
        var random = SceneRandom(seed: seed, kind: "train", number: number)
        let snippets = random.integer(random.integer(1...5) <= 3 ? 24...32 : 6...32)
        var events: [(event: SceneEvent, start: Int, length: Int)] = []
        if number % 2 == 1 {
            let event = SceneEvent.allCases[number / 2 % SceneEvent.allCases.count]
            let length = random.integer(event.lengths)
            let seen = 4
            events.append((event, random.integer(seen - length...snippets - seen), length))
        }
        return video("train-", number, snippets, events, &random)
    }

    /// The test video of a number: every second one has events, up to three of any kinds, whole and apart.
    public func testVideo(_ number: Int) -> SceneVideo {
        var random = SceneRandom(seed: seed, kind: "test", number: number)
        let snippets = random.integer(32...96)
        var events: [(event: SceneEvent, start: Int, length: Int)] = []
        if number % 2 == 1 {
            var free = 0
            var kind = number / 2 % SceneEvent.allCases.count
            for _ in 0..<random.integer(1...max(1, snippets / 32)) {
                let event = SceneEvent.allCases[kind]
                let length = random.integer(event.lengths)
                guard free + length <= snippets else { break }
                let start = random.integer(free...min(free + 24, snippets - length))
                events.append((event, start, length))
                free = start + length + 6
                kind = random.integer(0...SceneEvent.allCases.count - 1)
            }
        }
        return video("test-", number, snippets, events, &random)
    }

    private func video(
        _ prefix: String, _ number: Int, _ snippets: Int,
        _ events: [(event: SceneEvent, start: Int, length: Int)], _ random: inout SceneRandom
    ) -> SceneVideo {
        let digits = String(number)
        return SceneVideo(
            name: prefix + String(repeating: "0", count: max(0, 5 - digits.utf8.count)) + digits,
            features: features(snippets: snippets, events: events, &random),
            events: events.map { event, start, length in
                SceneVideo.Event(
                    kind: event, snippets: max(start, 0)..<min(start + length, snippets))
            })
    }
}
