import Foundation
import TestSupport
import Yams

/// openapi.yaml, read, and what it says of a document.
struct APIDescription {
    typealias Node = [String: Any]

    let root: Node

    init() throws {
        let text = try String(contentsOfFile: Paths.root + "/openapi.yaml", encoding: .utf8)
        guard let root = try Yams.load(yaml: text) as? Node else {
            throw CocoaError(.fileReadCorruptFile)
        }
        self.root = root
    }

    /// `GET /jobs/{id}` and the like.
    var operations: Set<String> {
        let methods: Set = ["get", "put", "post", "delete", "options", "head", "patch", "trace"]
        var operations: Set<String> = []
        for (path, item) in node("paths") {
            for method in (item as? Node ?? [:]).keys where methods.contains(method) {
                operations.insert("\(method.uppercased()) \(path)")
            }
        }
        return operations
    }

    /// Names of an operation's parameters that stand in `place`.
    func parameters(of method: String, _ path: String, in place: String) -> [String] {
        let list = node("paths", path, method)["parameters"] as? [Node] ?? []
        return list.filter { $0["in"] as? String == place }.compactMap { $0["name"] as? String }
    }

    /// The node that the keys lead to; empty where there is none.
    func node(_ keys: String...) -> Node {
        keys.reduce(root) { node, key in node[key] as? Node ?? [:] }
    }

    func schema(_ name: String) -> Node { node("components", "schemas", name) }

    /// The values of the enumeration of a schema's property, in order.
    func values(of schema: String, _ property: String) -> [String] {
        node("components", "schemas", schema, "properties", property)["enum"] as? [String] ?? []
    }
}

/// Holds documents to the schemas: what differs, and which described properties were seen.
struct Conformance {
    let description: APIDescription
    private(set) var differences: [String] = []
    /// `Job.id` and the like.
    private(set) var seen: Set<String> = []

    init(_ description: APIDescription) { self.description = description }

    /// Compares a JSON document with the schema called `name`.
    mutating func check(_ json: [UInt8], _ name: String) throws {
        let value = try Yams.load(yaml: String(decoding: json, as: UTF8.self)) ?? NSNull()
        compare(value, description.schema(name), name, at: name)
    }

    /// The properties of the schemas called `names` that no document had.
    func unseen(in names: [String]) -> [String] {
        names.flatMap { name in
            (description.schema(name)["properties"] as? APIDescription.Node ?? [:]).keys.map { "\(name).\($0)" }
        }.filter { !seen.contains($0) }.sorted()
    }

    private mutating func compare(_ value: Any, _ schema: APIDescription.Node, _ name: String, at place: String) {
        if let reference = schema["$ref"] as? String {
            let target = String(reference.split(separator: "/").last ?? "")
            return compare(value, description.schema(target), target, at: place)
        }
        if let choices = schema["oneOf"] as? [APIDescription.Node] {
            let isNull = value is NSNull
            guard let choice = choices.first(where: { ($0["type"] as? String == "null") == isNull }) else {
                return differences.append("\(place) fits none of its schemas")
            }
            return compare(value, choice, name, at: place)
        }
        let types = (schema["type"] as? String).map { [$0] } ?? schema["type"] as? [String] ?? []
        if !types.isEmpty, !types.contains(where: { Self.fits(value, $0) }) {
            differences.append("\(place) is \(value): described as \(types.joined(separator: " or "))")
        }
        if let values = schema["enum"] as? [String], let text = value as? String, !values.contains(text) {
            differences.append("\(place) is '\(text)', which is not described")
        }
        if let object = value as? APIDescription.Node { compare(object: object, schema, name, at: place) }
        if let array = value as? [Any], let items = schema["items"] as? APIDescription.Node {
            for element in array { compare(element, items, name, at: place + "[]") }
        }
    }

    private mutating func compare(
        object: APIDescription.Node, _ schema: APIDescription.Node, _ name: String, at place: String
    ) {
        let properties = schema["properties"] as? APIDescription.Node ?? [:]
        for (key, value) in object {
            if let property = (properties[key] ?? schema["additionalProperties"]) as? APIDescription.Node {
                seen.insert("\(name).\(key)")
                compare(value, property, "\(name).\(key)", at: "\(place).\(key)")
            } else {
                differences.append("\(place).\(key) is not described")
            }
        }
        for key in schema["required"] as? [String] ?? [] where object[key] == nil {
            differences.append("\(place).\(key) is missing, and described as required")
        }
    }

    private static func fits(_ value: Any, _ type: String) -> Bool {
        switch type {
        case "object": value is APIDescription.Node
        case "array": value is [Any]
        case "string": value is String
        case "boolean": value is Bool
        case "integer": value is Int
        case "number": value is Int || value is Double
        case "null": value is NSNull
        default: false
        }
    }
}
