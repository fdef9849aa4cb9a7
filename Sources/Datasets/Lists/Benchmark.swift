import Platform

/// A published dataset: its files and what its protocol says.
public struct Benchmark: Equatable, Sendable {
    /// `ucf-crime` or `xd-violence`, as the model's preset is called.
    public let name: String
    /// Its classes, and how its files write them.
    public let spelling: LabelSpelling
    /// Names of the training list, of which the first that is there is taken; so it is with the others.
    public let trainingLists: [String]
    /// Names of the test list.
    public let testLists: [String]
    /// Names of the file of abnormal intervals and their classes.
    public let annotations: [String]
    /// The crop that the test list names.
    public let testCrop: Int
    /// Frames a second of its videos.
    public let framesPerSecond: Double
    /// Whether the normal class has ground truth in the published detection mAP.
    public let normalTruth: Bool
    /// Whether papers tell the AP first, not the AUC.
    public let isHeadedByAP: Bool

    /// UCF-Crime: 1,610 videos to train on, 290 to test on.
    public static let ucfCrime = Benchmark(
        name: "ucf-crime", spelling: .ucfCrime, trainingLists: ["ucf_CLIP_rgb.csv", "ucf_CLIP_rgb.csv.gz"],
        testLists: ["ucf_CLIP_rgbtest.csv", "ucf_CLIP_rgbtest.csv.gz"],
        annotations: [
            "Temporal_Anomaly_Annotation.txt", "Temporal_Anomaly_Annotation_for_Testing_Videos.txt",
        ],
        testCrop: 5, framesPerSecond: 30, normalTruth: false, isHeadedByAP: false)
    /// XD-Violence: 3,954 videos to train on, 800 to test on.
    public static let xdViolence = Benchmark(
        name: "xd-violence", spelling: .xdViolence, trainingLists: ["xd_CLIP_rgb.csv", "xd_CLIP_rgb.csv.gz"],
        testLists: ["xd_CLIP_rgbtest.csv", "xd_CLIP_rgbtest.csv.gz"], annotations: ["annotations_multiclasses.txt"],
        testCrop: 0, framesPerSecond: 24, normalTruth: true, isHeadedByAP: true)

    /// Both.
    public static let all = [ucfCrime, xdViolence]

    /// The benchmark called `name`.
    public static func named(_ name: String) -> Benchmark? { all.first { $0.name.hasBytes(of: name) } }

    /// The benchmark whose classes a model has.
    public static func matching(_ classes: [String]) -> Benchmark? {
        all.first { $0.spelling.isOf(classes) }
    }

    /// The first of some names that is a file in `folder`; throws where none is.
    public static func file(_ names: [String], in folder: String) throws(DatasetError) -> String {
        for name in names {
            let path = folder + "/" + name
            if access(path, F_OK) == 0 { return path }
        }
        throw DatasetError(.noInput, "\(folder) has no file \(names.joined(separator: " or "))")
    }
}
