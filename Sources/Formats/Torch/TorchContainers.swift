/// The dictionaries of tensors in what a checkpoint's pickle built, and the one whose tensors are the weights.
struct TorchContainers {
    typealias Items = [(key: PickleGraph.Ref, value: PickleGraph.Ref)]

    /// A dictionary that holds tensors.
    struct Container {
        /// The keys that lead to it; none for the root.
        let path: [String]
        let items: Items
        /// The name as `--weights-from` takes it.
        var name: String { path.joined(separator: ".") }
    }

    private(set) var all: [Container] = []

    private static let deepest = 4
    /// Far above any checkpoint's dictionaries, so that looking through them takes no time.
    private static let most = 10_000
    private static let usual = ["model_state_dict", "state_dict", "model"]

    /// Looks through the dictionaries that text keys lead to, the shallow ones first, each once.
    init(of graph: PickleGraph, isTensor: (PickleGraph.Ref) -> Bool) {
        var seen: Set<PickleGraph.Ref> = [graph.root]
        var level: [(path: [String], ref: PickleGraph.Ref)] = [([], graph.root)]
        for depth in 0...Self.deepest {
            var next: [(path: [String], ref: PickleGraph.Ref)] = []
            for (path, ref) in level {
                guard let items = graph.dict(ref) else { continue }
                if items.contains(where: { isTensor($0.value) }) { all.append(Container(path: path, items: items)) }
                guard depth < Self.deepest else { continue }
                for item in items.reversed() where seen.count < Self.most {
                    guard let key = graph.string(item.key), case .dict = graph[item.value].kind,
                        seen.insert(item.value).inserted
                    else { continue }
                    next.append((path + [key], item.value))
                }
            }
            level = next
        }
    }

    /// The container of the weights: among those that have a tensor whose name ends in `mark`, where there are such, the
    /// one that is asked for, or else plain weights before averaged ones and usual keys before others.
    func chosen(
        asked: String?, isMarked: (Container) -> Bool
    ) -> (chosen: Container, others: [Container])? {
        let marked = all.filter(isMarked)
        let candidates = marked.isEmpty ? all : marked
        if let asked, let found = all.first(where: { $0.name == asked }) {
            return (found, candidates.filter { $0.path != found.path })
        }
        guard let best = candidates.min(by: { Self.rank($0) < Self.rank($1) }) else { return nil }
        return (best, marked.filter { $0.path != best.path })
    }

    private static func rank(_ container: Container) -> (Int, Int, Int) {
        let averaged = container.path.contains(where: WeightNames.isAveraged) ? 1 : 0
        let first = container.path.first ?? ""
        let place = container.path.isEmpty ? usual.count : usual.firstIndex(of: first) ?? usual.count + 1
        return (averaged, place, container.path.count)
    }
}

/// What the names around weights tell.
public enum WeightNames {
    /// Whether a key or a prefix is one that tools give to weights averaged over the training.
    public static func isAveraged(_ name: String) -> Bool {
        let words = name.split { $0 == "_" || $0 == "." || $0 == "-" || $0 == "/" }
        return words.contains { word in
            averaged.contains { word.utf8.elementsEqual($0.utf8, by: { $0 | 0x20 == $1 }) }
        }
    }

    private static let averaged = ["ema", "swa", "averaged", "average", "avg", "shadow"]
}
