extension Array where Element == Int {
    /// The product, or nil where it or a factor does not fit; 1 for no factors, 0 where a factor is 0.
    func checkedProduct() -> Int? {
        var product = 1
        for factor in self {
            guard factor >= 0 else { return nil }
            let (next, overflow) = product.multipliedReportingOverflow(by: factor)
            if overflow { return contains(0) && !contains { $0 < 0 } ? 0 : nil }
            product = next
        }
        return product
    }
}
