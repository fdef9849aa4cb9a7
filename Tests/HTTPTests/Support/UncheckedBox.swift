/// Carries a value that only one task at a time uses, as the test's own order of steps sees to.
struct UncheckedBox<Value>: @unchecked Sendable {
    let value: Value

    init(_ value: Value) {
        self.value = value
    }
}
