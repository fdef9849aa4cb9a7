import Tensors

extension TrainingSettings {
    /// About how many bytes a training takes: its weights, their gradients and moments, and the matrices of a group of
    /// samples forwards and backwards. CLIP and features come on top.
    ///
    /// - Parameter threads: that compute, each with matrices of its own
    public func bytes(threads: Int) -> Int {
        let (d, length, layers, classes) = (model.width, model.length, model.layers, model.labels.count)
        // The weights of a layer and of the rest, four times; what is packed of them, forwards and backwards.
        let weights = 6 * (d * d * (12 * layers + 20) + length * d)
        let floats = Group.floats(width: d, length: length, layers: layers, classes: classes, threads: threads)
        return 4 * (weights + floats)
    }
}

extension Group {
    /// Numbers in the matrices of a group whose size depends on L.
    static func floats(width d: Int, length: Int, layers: Int, classes: Int, threads: Int) -> Int {
        let tiles = (length + ChangingConvolution.tile - 1) / ChangingConvolution.tile
        // [R, …]: forwards in a layer, and backwards in all; in the graphs; in the heads.
        let row = 14 * d * layers + 8 * d + (13 * d + 2 * length) + (4 * d + 2 * classes)
        let planes = 3 * ChangingConvolution.points * most * tiles * d
        let own = length * (6 * d + 2 * length) + 2 * ChangingConvolution.tile * (tiles + 1) * d
        return most * length * row + planes + threads * own
    }
}
