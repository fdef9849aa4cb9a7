import Platform

/// A pickle machine that executes nothing.
///
/// It knows the instructions that `torch.save` writes, and refuses all others and the names of what runs programs
/// (``PickleGlobal``). "Calls" only make a value that notes the call. Each instruction makes at most one value, moves
/// what it takes off the stack, and copies nothing, so that memory and time are proportional to the pickle's length,
/// however its values refer to one another.
struct PickleReader {
    private var input: PickleInput
    private let limits: PickleLimits
    private var graph = PickleGraph()
    private var stack: [PickleGraph.Ref] = []
    /// Heights of the stack when marks were set.
    private var marks: [Int] = []
    private var memo: [Int: PickleGraph.Ref] = [:]
    private var textBytes = 0

    private init(_ bytes: UnsafeRawBufferPointer, limits: PickleLimits) {
        self.input = PickleInput(bytes)
        self.limits = limits
    }

    /// Reads one pickle, which must fill `bytes`.
    static func read(
        _ bytes: UnsafeRawBufferPointer, limits: PickleLimits = PickleLimits()
    ) throws(PickleError) -> PickleGraph {
        var reader = PickleReader(bytes, limits: limits)
        return try reader.run()
    }

    private mutating func run() throws(PickleError) -> PickleGraph {
        var executed = 0
        while true {
            executed += 1
            guard executed <= limits.maxOpcodes else { throw tooLarge("instructions", limits.maxOpcodes) }
            let opcode = try input.opcode()
            if opcode == .stop { break }
            try execute(opcode)
            guard stack.count + marks.count <= limits.maxStack else {
                throw tooLarge("values waiting", limits.maxStack)
            }
            guard graph.count <= limits.maxValues else { throw tooLarge("values", limits.maxValues) }
        }
        graph.root = try pop()
        guard stack.isEmpty, marks.isEmpty else { throw malformed("leaves values on its stack") }
        guard input.isAtEnd else { throw malformed("goes on after its end") }
        return graph
    }

    private mutating func execute(_ opcode: PickleOpcode) throws(PickleError) {
        switch opcode {
        case .proto:
            let version = try input.byte()
            guard (2...5).contains(version) else { throw malformed("is of protocol \(version); 2 to 5 are known") }
        case .frame: _ = try input.length8()
        case .none: push(.none)
        case .newTrue: push(.bool(true))
        case .newFalse: push(.bool(false))
        case .binInt: push(.integer(try input.signed4()))
        case .binInt1: push(.integer(Int(try input.byte())))
        case .binInt2: push(.integer(try input.unsigned2()))
        case .binFloat: push(.float(try input.bigEndianDouble()))
        case .long1: push(try integer(length: Int(try input.byte())))
        case .long4: push(try integer(length: try input.length4()))
        case .emptyTuple: push(.tuple)
        case .emptyList: push(.list)
        case .emptyDict: push(.dict)
        case .emptySet: push(.set)
        case .mark: marks.append(stack.count)
        default: try executeText(opcode)
        }
    }

    private mutating func executeText(_ opcode: PickleOpcode) throws(PickleError) {
        switch opcode {
        case .shortBinUnicode: push(try text(length: Int(try input.byte()), isUnicode: true))
        case .binUnicode: push(try text(length: try input.length4(), isUnicode: true))
        case .binUnicode8: push(try text(length: try input.length8(), isUnicode: true))
        case .shortBinString: push(try text(length: Int(try input.byte()), isUnicode: false))
        case .binString: push(try text(length: try input.length4(), isUnicode: false))
        case .shortBinBytes: push(try bytes(length: Int(try input.byte())))
        case .binBytes: push(try bytes(length: try input.length4()))
        case .binBytes8, .byteArray8: push(try bytes(length: try input.length8()))
        default: try executeStack(opcode)
        }
    }

    private mutating func executeStack(_ opcode: PickleOpcode) throws(PickleError) {
        switch opcode {
        case .pop: if marks.last == stack.count { marks.removeLast() } else { _ = try pop() }
        case .popMark: _ = try popToMark()
        case .tuple: push(.tuple, items: try popToMark())
        case .tuple1: push(.tuple, items: try pop(count: 1))
        case .tuple2: push(.tuple, items: try pop(count: 2))
        case .tuple3: push(.tuple, items: try pop(count: 3))
        case .frozenSet: push(.set, items: try popToMark())
        case .append: try extend(try pop(count: 1), isTarget: { if case .list = $0 { true } else { false } }, "a list")
        case .appends: try extend(try popToMark(), isTarget: { if case .list = $0 { true } else { false } }, "a list")
        case .addItems: try extend(try popToMark(), isTarget: { if case .set = $0 { true } else { false } }, "a set")
        case .setItem: try setItems(try pop(count: 2))
        case .setItems: try setItems(try popToMark())
        case .binPut: try remember(Int(try input.byte()))
        case .longBinPut: try remember(try input.length4())
        case .memoize: try remember(memo.count)
        case .binGet: try recall(Int(try input.byte()))
        case .longBinGet: try recall(try input.length4())
        case .global: try pushGlobal(module: try input.line(), name: try input.line())
        case .stackGlobal: try pushStackGlobal()
        case .reduce, .newObj: try makeCall()
        case .build: try takeState()
        case .binPersID: push(.persistentID, items: try pop(count: 1))
        default:
            throw PickleError(
                .refusedOpcode,
                "the pickle uses \(opcode.name) at byte \(input.position - 1), which a checkpoint has no use for; "
                    + "nothing was run")
        }
    }
}

extension PickleReader {
    private mutating func push(_ kind: PickleGraph.Kind, items: [PickleGraph.Ref] = []) {
        stack.append(graph.add(kind, items: items))
    }

    private mutating func pop() throws(PickleError) -> PickleGraph.Ref {
        guard stack.count > marks.last ?? 0, let ref = stack.popLast() else {
            throw malformed("takes from an empty stack")
        }
        return ref
    }

    private mutating func pop(count: Int) throws(PickleError) -> [PickleGraph.Ref] {
        guard stack.count - (marks.last ?? 0) >= count else { throw malformed("takes from an empty stack") }
        let items = Array(stack.suffix(count))
        stack.removeLast(count)
        return items
    }

    private mutating func popToMark() throws(PickleError) -> [PickleGraph.Ref] {
        guard let mark = marks.popLast() else { throw malformed("goes back to a mark that was not set") }
        let items = Array(stack[mark...])
        stack.removeSubrange(mark...)
        return items
    }

    /// The value on top, left where it is.
    private func top() throws(PickleError) -> PickleGraph.Ref {
        guard stack.count > marks.last ?? 0, let ref = stack.last else { throw malformed("takes from an empty stack") }
        return ref
    }

    private mutating func extend(
        _ items: [PickleGraph.Ref], isTarget: (PickleGraph.Kind) -> Bool, _ name: String
    ) throws(PickleError) {
        let target = try top()
        if graph.call(target) != nil { return }
        guard isTarget(graph[target].kind) else { throw malformed("adds elements to what is not \(name)") }
        graph.append(items, to: target)
    }

    private mutating func setItems(_ items: [PickleGraph.Ref]) throws(PickleError) {
        let target = try top()
        // An object of a class of the script's own, whose contents nobody needs.
        if graph.call(target) != nil { return }
        guard case .dict = graph[target].kind else { throw malformed("sets items of what is not a dictionary") }
        guard items.count.isMultiple(of: 2) else { throw malformed("sets a key without a value") }
        graph.append(items, to: target)
    }

    private mutating func remember(_ index: Int) throws(PickleError) {
        memo[index] = try top()
        guard memo.count <= limits.maxMemo else { throw tooLarge("remembered values", limits.maxMemo) }
    }

    private mutating func recall(_ index: Int) throws(PickleError) {
        guard let ref = memo[index] else { throw malformed("recalls the value \(index), which it never remembered") }
        stack.append(ref)
    }

    private mutating func pushStackGlobal() throws(PickleError) {
        let names = try pop(count: 2)
        guard let module = graph.string(names[0]), let name = graph.string(names[1]) else {
            throw malformed("names a function by something other than text")
        }
        try pushGlobal(module: module, name: name)
    }

    private mutating func pushGlobal(module: String, name: String) throws(PickleError) {
        guard let global = PickleGlobal(module: module, name: name) else {
            let called = quoted("\(module).\(name)").dropFirst().dropLast()
            throw PickleError(
                .refusedGlobal, "the pickle calls \(called), which a checkpoint has no use for; nothing was run")
        }
        if let name = global.foreignName {
            // Two short recalls can name a function by texts of any length: each is counted as if it were written out.
            textBytes = textBytes.addingReportingOverflow(name.utf8.count).partialValue
            guard textBytes <= limits.maxTextBytes else { throw tooLarge("bytes of text", limits.maxTextBytes) }
        }
        push(.global(global))
    }

    private mutating func makeCall() throws(PickleError) {
        let parts = try pop(count: 2)
        guard case .global(let function) = graph[parts[0]].kind else { throw malformed("calls what is not a function") }
        guard case .tuple = graph[parts[1]].kind else { throw malformed("calls with what is not a tuple") }
        if function == .dictionary {
            push(.dict)
        } else {
            push(.call(function), items: [parts[1]])
        }
    }

    /// The attributes of an object are kept beside its call; those of a dictionary, such as `_metadata` of a state dict, are
    /// not.
    private mutating func takeState() throws(PickleError) {
        let state = try pop()
        let target = try top()
        switch graph[target].kind {
        case .dict: break
        case .call:
            if graph[target].items.count == 1, case .dict = graph[state].kind { graph.append([state], to: target) }
        default: throw malformed("gives attributes to what has none")
        }
    }

    private mutating func text(length: Int, isUnicode: Bool) throws(PickleError) -> PickleGraph.Kind {
        textBytes = textBytes.addingReportingOverflow(length).partialValue
        guard length <= limits.maxTextBytes, textBytes <= limits.maxTextBytes else {
            throw tooLarge("bytes of text", limits.maxTextBytes)
        }
        let bytes = try input.bytes(length)
        if let text = String(validating: bytes, as: UTF8.self) { return .string(text) }
        guard !isUnicode else { throw malformed("holds text that is not UTF-8") }
        return .bytes(count: length)
    }

    private mutating func bytes(length: Int) throws(PickleError) -> PickleGraph.Kind {
        _ = try input.bytes(length)
        return .bytes(count: length)
    }

    private mutating func integer(length: Int) throws(PickleError) -> PickleGraph.Kind {
        guard length <= limits.maxIntegerBytes else { throw tooLarge("bytes of an integer", limits.maxIntegerBytes) }
        let bytes = try input.bytes(length)
        guard length <= 8 else { return .longInteger }
        var value: UInt64 = (bytes.last ?? 0) >= 0x80 ? .max : 0
        for byte in bytes.reversed() { value = value << 8 | UInt64(byte) }
        return .integer(Int(Int64(bitPattern: value)))
    }

    private func malformed(_ what: String) -> PickleError {
        PickleError(.malformed, "the pickle \(what) (byte \(input.position))")
    }

    private func tooLarge(_ what: String, _ limit: Int) -> PickleError {
        PickleError(.tooLarge, "the pickle has more \(what) than the limit of \(limit)")
    }
}
