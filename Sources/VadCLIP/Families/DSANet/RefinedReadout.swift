import Platform

/// The coarse branch says how abnormal a snippet is, the fine one which class: refined scores.
///
/// Spec: "Forward pass", step 4. With s the temperature, h = sigmoid(c / s): the normal class has 1 - h, and the abnormal
/// ones share h by the softmax of their l / s.
struct RefinedReadout: Readout {
    /// The metadata key of s.
    static let temperature: ByteText = "temperature"

    let temperature: Float

    func fine(_ logits: Logits) -> [Float] { scores(logits) }

    func preciseFine(_ logits: Logits) -> [Double] { scores(logits) }

    /// The coarse score of both: refined scores rank as it does.
    func headline(on benchmark: String) -> Headline { .coarse }

    private func scores<Number: ScoreNumber>(_ logits: Logits) -> [Number] {
        let scale = Number(temperature)
        return logits.fineRows { (snippet, row: UnsafeMutableBufferPointer<Number>) in
            let abnormality = sigmoid(Number(logits.coarse[snippet]) / scale)
            for label in row.indices.dropFirst() { row[label] /= scale }
            let abnormal = UnsafeMutableBufferPointer(rebasing: row.dropFirst())
            softmax(abnormal)
            for label in abnormal.indices { abnormal[label] *= abnormality }
            row[0] = 1 - abnormality
        }
    }
}
