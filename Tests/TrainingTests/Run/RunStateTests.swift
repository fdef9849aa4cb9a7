import Formats
import Foundation
import TestSupport
import Testing

@testable import Training

@Suite("A run's state on disk")
struct RunStateTests {
    private static let identity = Array(#"{"settings":{"learning_rate":0.1,"seed":"1"},"kernels":"avx2"}"#.utf8)

    /// The state of a run that was stopped in its second epoch.
    private func stopped(in folder: ScratchFolder) throws -> RunStateFile {
        var settings = RunSettings.own(labels: FakeLearner.model.labels)
        settings.training.model = FakeLearner.model
        settings.batch = 3
        let learner = FakeLearner()
        let file = RunStateFile(path: folder.path + "/state", identity: Self.identity)
        let run = try TrainingRun(
            settings,
            TrainingRun.Parts(
                learner: learner, isNormal: (0..<9).map { $0 % 2 == 0 }, load: { FakeLearner.sample($0) },
                validate: { [.aucCoarse: 0.25] }, file: file, saveEvery: 1), resuming: false
        ) { _ in }
        _ = try run.run { learner.batches.count == 4 }
        return file
    }

    @Test("what is written is read again, to the bit")
    func roundTrip() throws {
        let folder = try ScratchFolder()
        let file = try stopped(in: folder)
        let state = try file.read(parameters: FakeLearner.layout.count)
        #expect(state.epoch == 1 && state.step == 1 && state.optimizer.steps == 4)
        #expect(state.history.epochs.map(\.steps) == [3, 1])
        #expect(state.history.validations.map(\.figures) == [[.aucCoarse: 0.25]])
        #expect(state.best != nil && state.history.best == 0)
        try file.write(state)
        #expect(try file.read(parameters: FakeLearner.layout.count) == state)
    }

    @Test("another run's state is refused, and said what differs")
    func otherRun() throws {
        let folder = try ScratchFolder()
        let path = try stopped(in: folder).path
        func refusal(_ identity: String) -> String? {
            let file = RunStateFile(path: path, identity: Array(identity.utf8))
            return failure(of: RunError.self) { _ = try file.read(parameters: FakeLearner.layout.count) }?.description
        }
        let rate = refusal(#"{"settings":{"learning_rate":0.2,"seed":"1"},"kernels":"avx2"}"#)
        #expect(rate?.contains("settings.learning_rate was '0.1' and is '0.2'") == true, "\(rate ?? "taken")")
        let kernels = refusal(#"{"settings":{"learning_rate":0.1,"seed":"1"},"kernels":"avx512"}"#)
        #expect(kernels?.contains("kernels was 'avx2' and is 'avx512'") == true, "\(kernels ?? "taken")")
        #expect(refusal(#"{"settings":{}}"#) != nil)
    }

    @Test("a state of other sizes, a model file, and no file at all are refused")
    func wrong() throws {
        let folder = try ScratchFolder()
        let file = try stopped(in: folder)
        #expect(throws: RunError.self) { try file.read(parameters: FakeLearner.layout.count + 1) }
        let other = folder.path + "/other"
        try SafetensorsWriter(metadata: ["format": "vigil-model"], tensors: []).write(to: other)
        #expect(throws: RunError.self) { try RunStateFile(path: other, identity: Self.identity).read(parameters: 1) }
        let older = folder.path + "/older"
        let one: [Float] = [1]
        try SafetensorsWriter(
            metadata: ["format": "vigil-training", "format_version": "1"],
            tensors: [.init(name: "parameters", shape: [1]) { one }]
        ).write(to: older)
        let refusal = failure(of: RunError.self) {
            _ = try RunStateFile(path: older, identity: Self.identity).read(parameters: 1)
        }
        #expect(refusal?.description.contains("another version of Vigil") == true, "\(String(describing: refusal))")
        let none = RunStateFile(path: folder.path + "/none", identity: Self.identity)
        #expect(!none.exists)
        #expect(throws: RunError.self) { try none.read(parameters: 1) }
    }

    @Test(
        "a damaged place is refused, and nothing is made of it",
        arguments: [
            "", "[]", #"{"epoch":0}"#,
            #"{"epoch":-1,"step":0,"optimizer_steps":0,"loss_sums":[],"validations":[],"best":null}"#,
            #"{"epoch":0,"step":0,"optimizer_steps":-1,"loss_sums":[],"validations":[],"best":null}"#,
            #"{"epoch":0,"step":0,"optimizer_steps":0,"loss_sums":[[1,2]],"validations":[],"best":null}"#,
            #"{"epoch":0,"step":0,"optimizer_steps":0,"loss_sums":[[0.5,1,1,1,1]],"validations":[],"best":null}"#,
            #"{"epoch":0,"step":0,"optimizer_steps":0,"loss_sums":[],"validations":[{}],"best":null}"#,
            #"{"epoch":0,"step":0,"optimizer_steps":0,"loss_sums":[],"validations":[],"best":5}"#,
        ])
    func damaged(place: String) throws {
        let folder = try ScratchFolder()
        let file = RunStateFile(path: folder.path + "/state", identity: Self.identity)
        let values = [Float](repeating: 1, count: 3)
        try file.write(["parameters", "first_moments", "second_moments"].map { ($0, values) }, place: place)
        let error = failure(of: RunError.self) { _ = try file.read(parameters: 3) }
        #expect(error?.description.hasSuffix("damaged") == true, "\(String(describing: error))")
    }

    @Test("of a bit that is another, wherever it is, a state is refused")
    func flipped() throws {
        let folder = try ScratchFolder()
        let file = try stopped(in: folder)
        let whole = try Data(contentsOf: URL(filePath: file.path))
        for at in stride(from: 0, to: whole.count, by: 31) {
            var other = whole
            other[at] ^= 1
            try other.write(to: URL(filePath: file.path))
            #expect(throws: RunError.self, "byte \(at)") { try file.read(parameters: FakeLearner.layout.count) }
        }
        try whole.write(to: URL(filePath: file.path))
        _ = try file.read(parameters: FakeLearner.layout.count)
    }

    @Test("means of squares below 0 are no state to go on from")
    func negative() throws {
        let folder = try ScratchFolder()
        let file = try stopped(in: folder)
        var state = try file.read(parameters: FakeLearner.layout.count)
        state.optimizer.second[3] = -1e-9
        try file.write(state)
        let error = failure(of: RunError.self) { _ = try file.read(parameters: FakeLearner.layout.count) }
        #expect(error?.description.contains("second_moments") == true)
    }

    @Test("weights that are not finite are no state to go on from")
    func notFinite() throws {
        let folder = try ScratchFolder()
        let file = try stopped(in: folder)
        var state = try file.read(parameters: FakeLearner.layout.count)
        state.parameters[5] = .nan
        try file.write(state)
        #expect(throws: RunError.self) { try file.read(parameters: FakeLearner.layout.count) }
    }

    @Test("a place that the run does not have is refused", arguments: [(40, 0), (0, 3), (2, 1)])
    func beyond(epoch: Int, step: Int) throws {
        let folder = try ScratchFolder()
        let file = try stopped(in: folder)
        var state = try file.read(parameters: FakeLearner.layout.count)
        (state.epoch, state.step) = (epoch, step)
        try file.write(state)
        var settings = RunSettings.own(labels: FakeLearner.model.labels)
        settings.training.model = FakeLearner.model
        settings.batch = 3
        #expect(throws: RunError.self) {
            try TrainingRun(
                settings,
                TrainingRun.Parts(
                    learner: FakeLearner(), isNormal: (0..<9).map { $0 % 2 == 0 }, load: { FakeLearner.sample($0) },
                    validate: nil, file: file, saveEvery: 1), resuming: true
            ) { _ in }
        }
    }
}
