import CLIP
import Platform
import Synchronization
import Tensors

/// Text features of labels that the model was not imported with.
///
/// The tower's weights are large (CLIP's is 250 MB), so they are loaded when labels are first asked for; encoded label
/// sets are remembered.
public final class LabelEncoder: Sendable {
    /// Label sets that are remembered.
    static let remembered = 64

    private let tokenizer: Tokenizer
    private let configuration: TextTower.Configuration
    private let load: @Sendable () throws(WeightError) -> TextTower
    private let state = Mutex(State())

    private struct State {
        var tower: TextTower?
        var known: [[ByteText]: ClassFeatures] = [:]
        var order: [[ByteText]] = []
    }

    /// - Parameters:
    ///   - tokenizer: makes tokens of labels
    ///   - configuration: the tower's shape
    ///   - load: reads the tower; called once, on the first label set.
    public init(
        tokenizer: Tokenizer, configuration: TextTower.Configuration,
        load: @escaping @Sendable () throws(WeightError) -> TextTower
    ) {
        self.tokenizer = tokenizer
        self.configuration = configuration
        self.load = load
    }

    /// The labels' word tokens; throws where a label can't be scored against.
    public func tokens(of labels: [String]) throws(ModelError) -> [[Int]] {
        guard (2...ClassFeatures.most).contains(labels.count) else {
            throw .badLabels("\(labels.count) labels: expected 2 to \(ClassFeatures.most), the normal class first")
        }
        guard Set(labels.map({ ByteText($0) })).count == labels.count else {
            throw .badLabels("a label stands twice: expected each once")
        }
        var all: [[Int]] = []
        for label in labels {
            let tokens = tokenizer.tokens(of: label)
            guard !tokens.isEmpty else { throw .badLabels("a label is empty: expected words") }
            guard tokens.count <= configuration.mostTokens else {
                throw .badLabels(
                    "label \(quoted(label)) is \(tokens.count) tokens long: expected at most "
                        + "\(configuration.mostTokens)")
            }
            all.append(tokens)
        }
        return all
    }

    /// Labels and their text features. Holds a lock while it encodes, so that equal requests encode once.
    public func classes(for labels: [String]) throws(ModelError) -> ClassFeatures {
        let tokens = try tokens(of: labels)
        return try state.withLock { (state) throws(ModelError) -> ClassFeatures in
            if let known = state.known[labels.map({ ByteText($0) })] { return known }
            let tower: TextTower
            do throws(WeightError) {
                if let loaded = state.tower { tower = loaded } else { tower = try load() }
            } catch {
                throw ModelError.badWeights(error)
            }
            state.tower = tower
            let features: Matrix
            do throws(TextTowerError) {
                features = try tower.features(of: tokens)
            } catch {
                throw ModelError.badLabels(error.description)
            }
            let classes = try ClassFeatures(labels: labels, features: features)
            if state.order.count == Self.remembered { state.known[state.order.removeFirst()] = nil }
            state.known[labels.map { ByteText($0) }] = classes
            state.order.append(labels.map { ByteText($0) })
            return classes
        }
    }
}
