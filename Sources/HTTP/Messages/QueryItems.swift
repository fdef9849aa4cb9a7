/// The decoded name and value pairs of a target's query, in order.
public struct QueryItems: Sendable, Equatable {
    /// One pair; a name without `=` has an empty value.
    public struct Item: Sendable, Equatable {
        /// The decoded name.
        public let name: String
        /// The decoded value.
        public let value: String
        /// Whether the name stands alone, without `=`.
        public let isBare: Bool

        /// A pair of what is already decoded.
        public init(name: String, value: String, isBare: Bool = false) {
            self.name = name
            self.value = value
            self.isBare = isBare
        }
    }

    private let items: [Item]

    /// Items that are already decoded.
    public init(_ items: [Item] = []) {
        self.items = items
    }

    /// The first value of this name.
    public subscript(name: String) -> String? {
        items.first { $0.name.hasBytes(of: name) }?.value
    }

    /// Every value of this name, in order.
    public func values(for name: String) -> [String] {
        items.filter { $0.name.hasBytes(of: name) }.map(\.value)
    }
}

extension QueryItems: RandomAccessCollection {
    /// The position of the first pair.
    public var startIndex: Int { 0 }
    /// The position after the last pair.
    public var endIndex: Int { items.count }

    /// The pair at a position.
    public subscript(position: Int) -> Item { items[position] }
}
