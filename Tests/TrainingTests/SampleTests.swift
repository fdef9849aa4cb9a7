import Tensors
import Testing
import VadCLIP

@testable import Training

/// Videos as training sees them.
@Suite("Samples")
struct SampleTests {
    @Test(
        "a long video is cut at evenly spaced whole numbers, and an empty segment takes its first snippet",
        arguments: [
            (7, 3, [0..<2, 2..<4, 4..<7]), (4, 4, [0..<1, 1..<2, 2..<3, 3..<4]), (9, 2, [0..<4, 4..<9]),
            (2, 5, [0..<1, 1..<2]), (5, 4, [0..<1, 1..<2, 2..<3, 3..<5]),
        ])
    func segments(snippets: Int, length: Int, expected: [Range<Int>]) {
        let pooling = SnippetPooling(snippets: snippets, length: length)
        #expect((0..<pooling.rows).map { pooling[$0] } == expected)
    }

    @Test("a segment's row is the mean of its snippets")
    func means() {
        let features = Matrix(rows: 5, columns: 2, values: [1, 10, 2, 20, 3, 30, 4, 40, 8, 80])
        let pooled = SnippetPooling(snippets: 5, length: 2).pooled(features)
        #expect(pooled == Matrix(rows: 2, columns: 2, values: [1.5, 15, 5, 50]))
    }

    @Test("the label vector sums to 1, and a video with the normal class is a normal one")
    func labels() {
        let model = ModelConfiguration(width: 2, length: 4, layers: 0, window: 1, labels: ["normal", "a", "b"])
        func sample(_ classes: [Int]) -> Sample {
            Sample(features: Matrix(rows: 1, columns: 2), classes: classes, model: model)
        }
        #expect(sample([2, 1]).labels == [0, 0.5, 0.5] && !sample([2, 1]).isNormal)
        #expect(sample([0]).labels == [1, 0, 0] && sample([0]).isNormal)
    }
}

/// The losses of a video and of the classes.
@Suite("Losses")
struct LossTests {
    private let workspace = Workspace()

    @Test("a sixteenth of the rows and one more stand for a video", arguments: [(1, 1), (15, 1), (16, 2), (255, 16)])
    func instances(rows: Int, expected: Int) {
        #expect(MultipleInstanceLoss.instances(of: rows) == expected)
    }

    @Test("of equal values the first ones are taken")
    func ties() {
        #expect(MultipleInstanceLoss.largest(3, of: [1, 5, 2, 5, 5, 5]) == [1, 3, 4])
    }

    @Test("the coarse loss is the cross-entropy of the mean of the largest scores, and only those have a gradient")
    func coarse() {
        let logits = (0..<16).map { Float($0 % 8) / 2 - 2 }
        let gradient = workspace.matrix(rows: 16, columns: 1)
        let loss = MultipleInstanceLoss.coarse(logits, target: 0, share: 0.5, gradient: gradient)
        // Rows 7 and 15 hold 1.5, whose sigmoid is 0.81757448.
        #expect(abs(loss - 1.7014133) < 1e-5)
        #expect(gradient.values().indices.filter { gradient[$0, 0] != 0 } == [7, 15])
        #expect(abs(gradient[7, 0] - 0.5 * 0.81757448 / 2) < 1e-5)
    }

    @Test("the alignment loss is the cross-entropy of the classes' means, with several labels too")
    func alignment() {
        let logits = workspace.matrix(rows: 2, columns: 3)
        logits.copy(from: [1, 2, 3, 0, 4, -1])
        let gradient = workspace.matrix(rows: 2, columns: 3)
        let loss = MultipleInstanceLoss.alignment(logits, labels: [0, 0.5, 0.5], share: 1, gradient: gradient)
        // log(e^1 + e^4 + e^3) - (4 + 3) / 2
        #expect(abs(loss - 0.84901) < 1e-4)
        #expect(gradient[1, 0] == 0 && gradient[0, 1] == 0 && gradient[1, 2] == 0)
        #expect(abs(gradient[0, 0] - 0.0351190) < 1e-5)
        #expect(abs(gradient[1, 1] - (0.7053845 - 0.5)) < 1e-5)
    }

    @Test("the contrast loss counts how far classes are from square to the normal one, either way")
    func contrast() {
        let text = Matrix(rows: 3, columns: 2, values: [2, 0, 0, 3, -1, 1])
        var gradient = Matrix(rows: 3, columns: 2)
        let loss = ContrastLoss.add(text, weight: 0.1, to: &gradient)
        #expect(abs(loss - 0.05 * 0.70710678) < 1e-6)
        // A class that is square to the normal one has no slope.
        #expect(gradient[1, 0] == 0 && gradient[1, 1] == 0 && gradient[2, 0] < 0)
    }
}
