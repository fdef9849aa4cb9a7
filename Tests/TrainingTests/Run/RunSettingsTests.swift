import JSON
import TestSupport
import Testing
import Training

@Suite("A run's settings")
struct RunSettingsTests {
    @Test("the published recipes are those of the published code")
    func presets() {
        let (ucf, xd) = (RunSettings.ucfCrime, RunSettings.xdViolence)
        #expect(ucf.learningRate == 2e-5 && ucf.milestones == [4, 8] && ucf.batch == 64 && ucf.batching == .paired)
        #expect(ucf.validateEvery == 1_280 && ucf.metric == .aucCoarse && ucf.training.contrastWeight == 0.1)
        #expect(ucf.training.model.layers == 2 && ucf.training.model.window == 8)
        #expect(xd.learningRate == 1e-5 && xd.milestones == [3, 6, 10] && xd.batch == 96 && xd.batching == .shuffled)
        #expect(xd.validateEvery == 0 && xd.metric == .apFine && xd.training.contrastWeight == 1e-4)
        #expect(xd.training.model.layers == 1 && xd.training.model.window == 64)
        for settings in [ucf, xd] {
            #expect(settings.epochs == 10 && settings.returnsToBest && settings.seed == 234)
            #expect(settings.training.prefix == 10 && settings.training.postfix == 10 && settings.gamma == 0.1)
        }
    }

    @Test("the rate falls after the epochs that the milestones name")
    func schedule() {
        let rates = (0..<10).map { RunSettings.ucfCrime.rate(inEpoch: $0) }
        #expect(rates[..<4].allSatisfy { $0 == 2e-5 })
        #expect(rates[4..<8].allSatisfy { $0 == 2e-5 * 0.1 })
        #expect(rates[8...].allSatisfy { $0 == 2e-5 * 0.1 * 0.1 })
    }

    @Test("a value out of its range is refused by its option's name")
    func refused() {
        func refusal(_ change: (inout RunSettings) -> Void) -> String {
            var settings = RunSettings.ucfCrime
            change(&settings)
            do throws(RunError) { try settings.validate() } catch { return error.description }
            return "taken"
        }
        #expect(refusal { _ in } == "taken")
        #expect(refusal { $0.learningRate = .nan }.contains("--rate"))
        #expect(refusal { $0.learningRate = 0 }.contains("--rate"))
        #expect(refusal { $0.epochs = 0 }.contains("--epochs"))
        #expect(refusal { $0.batch = 1 << 20 }.contains("--batch"))
        #expect(refusal { $0.milestones = [8, 4] }.contains("--milestones"))
        #expect(refusal { $0.training.optimizer.secondDecay = 1 }.contains("--beta2"))
        #expect(refusal { $0.training.prefix = -1 }.contains("--prefix"))
        #expect(refusal { $0.training.postfix = .max }.contains("--postfix"))
        #expect(refusal { $0.training.model.window = 0 }.contains("window"))
    }

    @Test("both graphs can't be left out one by one: nothing of a video would reach its scores")
    func bothGraphs() throws {
        var settings = RunSettings.ucfCrime
        settings.training.without = [.similarity, .distance, .local]
        let error = failure(of: RunError.self) { try settings.validate() }
        #expect(error?.isSetting == true && error?.description.contains("global leaves both graphs out") == true)
        for parts in [[.similarity], [.distance, .local], [.global, .similarity, .distance]] as [Set<Ablation>] {
            settings.training.without = parts
            try settings.validate()
        }
    }

    @Test("all of them are in the JSON that identifies a run")
    func identifies() throws {
        var changed = RunSettings.ucfCrime
        changed.training.without = [.local, .visualPrompt]
        changed.seed = .max
        let json = try JSONReader.parse(changed.json)
        #expect(json["seed"]?.string == String(UInt64.max))
        #expect(json["without"]?.array?.compactMap(\.string) == ["local", "visual-prompt"])
        #expect(json["learning_rate"]?.double == 2e-5)
        #expect(changed.json != RunSettings.ucfCrime.json)
    }

    @Test("mean and spread over seeds are those of a sample")
    func spread() throws {
        let spread = try #require(SeedSpread(name: "auc", [2, 4, 4, 4, 5, 5, 7, 9]))
        #expect(spread.mean == 5 && abs(spread.deviation - 2.138_089_935) < 1e-8)
        #expect(spread.least == 2 && spread.greatest == 9 && spread.count == 8)
        #expect(SeedSpread(name: "auc", [3])?.deviation == 0)
        #expect(SeedSpread(name: "auc", []) == nil)
    }
}
