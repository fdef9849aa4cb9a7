import Platform
import TestSupport
import Testing
import Training

@Suite("A run of training")
struct TrainingRunTests {
    private static let isNormal = (0..<12).map { $0 % 2 == 0 }

    private func settings(_ change: (inout RunSettings) -> Void = { _ in }) -> RunSettings {
        var settings = RunSettings.own(labels: FakeLearner.model.labels)
        settings.training.model = FakeLearner.model
        settings.learningRate = 0.1
        settings.milestones = [2]
        settings.epochs = 3
        settings.batch = 5
        change(&settings)
        return settings
    }

    private func run(
        _ settings: RunSettings, _ learner: FakeLearner, in folder: ScratchFolder? = nil, resuming: Bool = false,
        saveEvery: Int = 1, figures: (() -> Double)? = nil, stopAfter steps: Int = .max,
        tell: @escaping (RunEvent) -> Void = { _ in }
    ) throws -> (outcome: TrainingRun.Outcome, run: TrainingRun) {
        let run = try TrainingRun(
            settings,
            TrainingRun.Parts(
                learner: learner, isNormal: Self.isNormal, load: { FakeLearner.sample($0) },
                validate: figures.map { figures in { [settings.metric: figures()] } },
                file: folder.map { RunStateFile(path: $0.path + "/state", identity: settings.json) },
                saveEvery: saveEvery), resuming: resuming, tell: tell)
        return (try run.run { learner.batches.count >= steps }, run)
    }

    @Test("every row is seen once an epoch, with the epoch's rate")
    func epochs() throws {
        let learner = FakeLearner()
        #expect(try run(settings(), learner).outcome == .finished)
        #expect(learner.batches.map(\.count) == [5, 5, 2, 5, 5, 2, 5, 5, 2])
        for epoch in 0..<3 {
            #expect(learner.batches[3 * epoch..<3 * epoch + 3].flatMap { $0 }.sorted() == (0..<12).map(Float.init))
        }
        #expect(learner.rates == [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01])
    }

    @Test("a run that was stopped after any step goes on to the same bits", arguments: 0..<9)
    func resumes(steps: Int) throws {
        let settings = settings { $0.returnsToBest = true }
        let calls = (FakeLearner(), FakeLearner(), FakeLearner())
        func figures(_ learner: FakeLearner) -> () -> Double { { Double(learner.parameters.values[0]) } }
        let whole = try run(settings, calls.0, figures: figures(calls.0)).run
        let folder = try ScratchFolder()
        let first = try run(settings, calls.1, in: folder, figures: figures(calls.1), stopAfter: steps)
        #expect(first.outcome == .stopped)
        let second = try run(settings, calls.2, in: folder, resuming: true, figures: figures(calls.2))
        #expect(second.outcome == .finished)
        #expect(calls.1.batches + calls.2.batches == calls.0.batches)
        #expect(calls.2.parameters == calls.0.parameters)
        #expect(calls.2.optimizer == calls.0.optimizer)
        #expect(second.run.result == whole.result)
        #expect(second.run.history == whole.history)
    }

    @Test("what was saved last is what a process that was killed goes on from")
    func killed() throws {
        let (whole, cut, next) = (FakeLearner(), FakeLearner(), FakeLearner())
        _ = try run(settings(), whole)
        let folder = try ScratchFolder()
        // As kill -9 does: the run ends in the middle and saves nothing more.
        cut.diverges = 6
        #expect(throws: TrainingError.self) { try run(settings(), cut, in: folder, saveEvery: 4) }
        _ = try run(settings(), next, in: folder, resuming: true)
        #expect(next.batches.count == 5, "of the nine steps four were saved")
        #expect(next.parameters == whole.parameters)
    }

    @Test("a run with one step an epoch saves too")
    func killedBetweenEpochs() throws {
        let (cut, next) = (FakeLearner(), FakeLearner())
        let folder = try ScratchFolder()
        let settings = settings { $0.batch = 12 }
        cut.diverges = 3
        #expect(throws: TrainingError.self) { try run(settings, cut, in: folder) }
        _ = try run(settings, next, in: folder, resuming: true)
        #expect(next.batches.count == 1, "of the three steps two were saved")
    }

    @Test("what is saved between two epochs is told as the one that was done, with its steps")
    func tellsSaved() throws {
        var saved: [[Int]] = []
        _ = try run(
            settings(), FakeLearner(), in: ScratchFolder(), saveEvery: 2,
            tell: { event in if case .saved(let epoch, let step) = event { saved.append([epoch, step]) } })
        #expect(saved == [[1, 2], [2, 1], [2, 3], [3, 2], [3, 3]])
    }

    @Test("a run that has ended is not gone through again")
    func ended() throws {
        let (first, second) = (FakeLearner(), FakeLearner())
        let folder = try ScratchFolder()
        let result = try run(settings(), first, in: folder).run.result
        let again = try run(settings(), second, in: folder, resuming: true)
        #expect(again.outcome == .finished && second.batches.isEmpty)
        #expect(again.run.result == result)
    }

    @Test("the best weights are kept, and each epoch begins with them")
    func best() throws {
        let learner = FakeLearner()
        var (values, seen): ([Double], [[Float]]) = ([0.5, 0.9, 0.7], [])
        let settings = settings { $0.returnsToBest = true }
        var returned: [Int?] = []
        let run = try run(
            settings, learner,
            figures: {
                seen.append(learner.parameters.values)
                return values.removeFirst()
            },
            tell: { event in if case .epoch(_, _, let epoch) = event { returned.append(epoch) } }
        ).run
        #expect(run.result == seen[1])
        #expect(run.history.best == 1)
        #expect(returned == [1, 2, nil])
    }

    @Test("without --keep best the last weights are the result")
    func last() throws {
        let learner = FakeLearner()
        var values = [0.9, 0.5, 0.7]
        let run = try run(
            settings {
                $0.kept = .last
                $0.returnsToBest = false
            }, learner, figures: { values.removeFirst() }
        ).run
        #expect(run.result == learner.parameters.values)
        #expect(run.history.best == 0)
    }

    @Test(
        "validated where the samples before a step are a multiple, as the published code does, else at an epoch's end")
    func validates() throws {
        func steps(_ every: Int) throws -> [[Int]] {
            let learner = FakeLearner()
            let settings = settings {
                $0.batching = .paired
                $0.batch = 1
                $0.epochs = 2
                $0.validateEvery = every
            }
            let history = try run(settings, learner, figures: { 1 }).run.history
            return history.validations.map { [$0.epoch, $0.step] }
        }
        #expect(try steps(0) == [[1, 6], [2, 6]])
        // Two samples a step: before the third there were four, before the fifth eight.
        #expect(try steps(4) == [[1, 3], [1, 5], [2, 3], [2, 5]])
        #expect(try steps(1_000) == [[1, 6], [2, 6]])
    }

    @Test("a row that can't be read ends the run with its error")
    func unreadable() throws {
        let learner = FakeLearner()
        let run = try TrainingRun(
            settings(),
            TrainingRun.Parts(
                learner: learner, isNormal: Self.isNormal,
                load: { row in
                    guard row != 7 else { throw FileError.noSuchFile(path: "seven.npy") }
                    return FakeLearner.sample(row)
                }, validate: nil, file: nil, saveEvery: 1), resuming: false
        ) { _ in }
        #expect(throws: FileError.noSuchFile(path: "seven.npy")) { try run.run { false } }
    }

    @Test("too few rows for a batch of either kind are said before the first step")
    func tooFewRows() {
        let settings = settings {
            $0.batching = .paired
            $0.batch = 7
        }
        let error = failure(of: RunError.self) { _ = try run(settings, FakeLearner()) }
        #expect(error?.description.contains("6 and 6") == true)
    }
}
