import Formats
import Foundation
import JSON
import Platform
import Tensors
import TestSupport
import Testing
import VadCLIP

@testable import Training

/// What a file of steps may say.
@Suite("A replay's plan")
struct ReplayPlanTests {
    private func plan(_ text: String) throws(ReplayError) -> ReplayPlan {
        try ReplayPlan(Array(text.utf8), path: "s.json", folder: "/data/")
    }

    private func text(
        labels: String = #"["normal", "fighting", "shooting"]"#, steps: String, more: String = ""
    ) -> String {
        #"{"learning_rate": 1e-3, "weight_decay": 0.01, "contrast_weight": 0.1\#(more), "labels": \#(labels), "#
            + #""steps": \#(steps)}"#
    }

    @Test("paths are relative to the file's folder, and several labels are joined by semicolons")
    func read() throws {
        let plan = try plan(
            text(
                steps: #"[[{"features": "a.npy", "label": "normal"}], "#
                    + #"[{"features": "/b/b.npy", "label": "shooting;fighting"}]]"#))
        #expect(plan.learningRate == 1e-3 && plan.weightDecay == 0.01 && plan.contrastWeight == 0.1)
        #expect(plan.labels == ["normal", "fighting", "shooting"])
        #expect(plan.steps.map { $0.map(\.path) } == [["/data/a.npy"], ["/b/b.npy"]])
        #expect(plan.steps.map { $0.map(\.classes) } == [[[0]], [[1, 2]]])
        #expect(plan.unread == [])
    }

    @Test("a member that nobody reads is told, not refused")
    func unread() throws {
        let steps = #"[[{"features": "a.npy", "label": "normal"}]]"#
        #expect(try plan(text(steps: steps, more: #", "wieght": 1"#)).unread == ["wieght"])
    }

    @Test(
        "what it can't be run by is refused, by name",
        arguments: [
            ("[]", "holds no JSON object"), ("{", "not valid JSON"),
            (#"{"labels": ["normal", "a"], "steps": []}"#, "no \"learning_rate\""),
            (
                #"{"learning_rate": -1, "weight_decay": 0, "contrast_weight": 0, "labels": [], "steps": []}"#,
                "\"learning_rate\" that is no number"
            ),
            (
                #"{"learning_rate": 1, "weight_decay": 0, "contrast_weight": 1e300, "labels": [], "steps": []}"#,
                "\"contrast_weight\" that is no number"
            ),
            (
                #"{"learning_rate": 1, "weight_decay": 0, "contrast_weight": 0, "labels": ["normal"], "steps": []}"#,
                "no \"labels\""
            ),
        ])
    func refused(text: String, problem: String) {
        #expect { try plan(text) } throws: { "\($0)".contains(problem) && "\($0)".hasPrefix("s.json ") }
    }

    @Test(
        "a step that names no video, no file or an unknown label is refused, with its number",
        arguments: [
            ("[]", "no \"steps\""), ("[[]]", "step 1 is no array"), ("[3]", "step 1 is no array"),
            (#"[[{"features": "a.npy", "label": "normal"}], [{"label": "normal"}]]"#, "step 2 has no \"features\""),
            (#"[[{"features": "a.npy"}]]"#, "'a.npy' of step 1 has no \"label\""),
            (#"[[{"features": "a.npy", "label": "riot"}]]"#, "'riot'"),
            (#"[[{"features": "a.npy", "label": ""}]]"#, "step 1"),
        ])
    func badSteps(steps: String, problem: String) {
        #expect { try plan(text(steps: steps)) } throws: { "\($0)".contains(problem) }
    }
}

/// Steps of a file, run.
@Suite("A replay", .enabled(if: Paths.hasGolden, "needs ../shared and numpy"))
struct ReplayRunTests {
    @Test("gives the losses, gradients' norms and weights' norms of the same steps of a trainer")
    func run() throws {
        let golden = try GoldenTraining()
        let folder = try ScratchFolder()
        let run = try replay(golden, in: folder)
        let json = try JSONReader.parse(run.json)
        let steps = try #require(json["steps"]?.array)
        #expect(steps.count == golden.steps.count)
        let trainer = try golden.trainer(threads: 1)
        for (step, found) in zip(golden.steps, steps) {
            let report = try trainer.step(try step.samples(), learningRate: golden.rate, norms: true)
            #expect(found["loss"]?.double.map(Float.init) == report.loss)
            #expect(found["loss_coarse"]?.double.map(Float.init) == report.lossCoarse)
            #expect(found["loss_mil_align"]?.double.map(Float.init) == report.lossMILAlign)
            #expect(found["loss_contrast"]?.double.map(Float.init) == report.lossContrast)
            for (name, norm) in report.gradientNorms {
                #expect(found["grad_norm"]?[name]?.double.map(Float.init) == norm)
            }
        }
        for (name, norm) in trainer.parameters.norms {
            #expect(json["weight_norm_after"]?[name]?.double.map(Float.init) == norm)
        }
    }

    private func replay(_ golden: GoldenTraining, in folder: ScratchFolder) throws -> ReplayRun {
        let plan = try golden.plan(in: folder.path)
        var run = try ReplayRun(
            plan: plan, checkpoint: golden.checkpoint, kernels: .available[0], threads: 2)
        while !run.isOver { try run.advance() }
        return run
    }

    @Test("of a file that is not there, or of no features, ends with its name")
    func badFiles() throws {
        let golden = try GoldenTraining()
        let folder = try ScratchFolder()
        let plan = try golden.plan(in: folder.path)
        let video = try #require(plan.steps.first?.first?.path)
        try Data("no array".utf8).write(to: URL(fileURLWithPath: video))
        var run = try ReplayRun(plan: plan, checkpoint: golden.checkpoint, kernels: .available[0], threads: 1)
        #expect { try run.advance() } throws: { "\($0)".contains(video) }
        try FileManager.default.removeItem(atPath: video)
        #expect {
            try ReplayRun(plan: plan, checkpoint: golden.checkpoint, kernels: .available[0], threads: 1)
        } throws: {
            "\($0)".contains(video)
        }
    }
}

extension GoldenTraining {
    /// The golden steps as a file of steps beside their features.
    func plan(in folder: String) throws -> ReplayPlan {
        var steps: [String] = []
        for (index, step) in self.steps.enumerated() {
            let videos = try Golden.features(step.features, width: model.width).enumerated().map { number, array in
                let name = "\(index)-\(number).npy"
                try Data(NPYWriter.encode(array.values, shape: array.shape)).write(
                    to: URL(fileURLWithPath: folder + "/" + name))
                return #"{"features": "\#(name)", "label": "\#(model.labels[step.classes[number]])"}"#
            }
            steps.append("[" + videos.joined(separator: ", ") + "]")
        }
        let labels = model.labels.map { "\"\($0)\"" }.joined(separator: ", ")
        let text =
            #"{"learning_rate": \#(rate), "weight_decay": 0.01, "contrast_weight": 0.1, "labels": [\#(labels)], "#
            + #""steps": [\#(steps.joined(separator: ", "))]}"#
        let path = folder + "/steps.json"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return try ReplayPlan(path: path)
    }
}
