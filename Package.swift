// swift-tools-version: 6.2
import PackageDescription

// Kernels and vectors are useless without the optimiser, so the C targets have it in debug builds too.
let optimised: [CSetting] = [.unsafeFlags(["-O2"], .when(configuration: .debug))]

// What computes, parses or keeps books has it there too, with its assertions: the tests of it take several times as long
// without. The tests themselves don't: that costs minutes of each build.
let optimisedSwift: [SwiftSetting] = [
    .unsafeFlags(["-O", "-assert-config", "Debug"], .when(configuration: .debug))
]

let package = Package(
    name: "vigil",
    products: [
        .executable(name: "vigil", targets: ["vigil"]),
        .library(name: "HTTP", targets: ["HTTP"]),
        .library(name: "Tensors", targets: ["Tensors"]),
        .library(name: "TLS", targets: ["TLS"]),
    ],
    traits: [
        .default(enabledTraits: ["Postgres"]),
        .trait(
            name: "Postgres",
            description: "Jobs of many servers in PostgreSQL; libpq is loaded where it is asked for."),
    ],
    dependencies: [
        // The command line: options, help, exit codes.
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        // Deques of the queue.
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
        // Names of methods, statuses and fields that other Swift servers share.
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        // Logging that a deployment can route.
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        // The access log's file.
        .package(url: "https://github.com/apple/swift-system.git", from: "1.8.1"),
        // Signals and the order of shutdown.
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        // SQLite for the jobs that outlast the process.
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
        // Percentiles of vigil bench serve that keep their precision at the tail.
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift.git", from: "0.2.0"),
        // Config files in YAML, and openapi.yaml in tests: libyaml's own grammar, which is no smaller to write.
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.2"),
    ],
    targets: [
        .target(name: "CKernels", cSettings: optimised),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "COpenSSL", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CPostgres"),
        .target(name: "CLinux"),
        // libmosquitto by dlopen: a client of MQTT 3.1.1 and 5 with TLS is no smaller to write, and a server without alerts over
        // MQTT needs neither the library nor, to be built, its headers.
        .target(name: "CMosquitto", linkerSettings: [.linkedLibrary("dl", .when(platforms: [.linux]))]),
        .target(name: "CResources", exclude: ["demo.safetensors", "page"]),
        .target(name: "Platform", dependencies: ["CLinux", "COpenSSL"], swiftSettings: optimisedSwift),
        .target(name: "JSON", dependencies: ["Platform"], swiftSettings: optimisedSwift),
        .target(name: "Tensors", dependencies: ["CKernels"], swiftSettings: optimisedSwift),
        .target(name: "TLS", dependencies: ["COpenSSL", "Platform"]),
        .target(name: "Zlib", dependencies: ["CKernels", "CZlib"], swiftSettings: optimisedSwift),
        .target(name: "Formats", dependencies: ["JSON", "Platform", "Zlib"], swiftSettings: optimisedSwift),
        .target(name: "Reports", dependencies: ["Formats", "JSON", "Platform"], swiftSettings: optimisedSwift),
        .target(name: "HTTPClient", dependencies: ["Platform", "TLS"]),
        .target(name: "Tracing", dependencies: ["Platform"], swiftSettings: optimisedSwift),
        .target(name: "OTLP", dependencies: ["HTTPClient", "JSON", "Platform", "TLS", "Tracing", "Zlib"]),
        .target(name: "Audit", dependencies: ["JSON", "Platform"]),
        .target(name: "Webhooks", dependencies: ["HTTPClient", "Platform", "TLS"]),
        .target(name: "Alerts", dependencies: ["CMosquitto", "HTTPClient", "JSON", "Platform", "TLS", "Webhooks"]),
        .target(name: "Telemetry", dependencies: ["Platform"], swiftSettings: optimisedSwift),
        .target(name: "CLIP", dependencies: ["Tensors"], swiftSettings: optimisedSwift),
        .target(
            name: "Scenes",
            dependencies: ["Datasets", "Extraction", "Formats", "Frames", "Platform", "Tensors", "VadCLIP"],
            swiftSettings: optimisedSwift),
        .target(name: "Frames", dependencies: ["CKernels", "Formats", "Platform"], swiftSettings: optimisedSwift),
        .target(name: "Video", dependencies: ["Formats", "Frames", "Platform"]),
        .target(
            name: "VadCLIP", dependencies: ["CLIP", "Formats", "JSON", "Platform", "Tensors"],
            swiftSettings: optimisedSwift),
        .target(
            name: "Extraction", dependencies: ["CLIP", "Frames", "Platform", "Tensors"], swiftSettings: optimisedSwift),
        .target(
            name: "HTTP",
            dependencies: [
                "CLinux", "Zlib", "Platform", "TLS", "Tracing",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: optimisedSwift),
        .target(
            name: "Jobs",
            dependencies: [
                "Platform", .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: optimisedSwift),
        .target(
            name: "Engine", dependencies: ["Jobs", "Platform", "Tensors", "VadCLIP"], swiftSettings: optimisedSwift),
        .target(
            name: "SQLiteStore",
            dependencies: [
                "Zlib", "Jobs", "Payloads", "Platform", .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"), .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: optimisedSwift),
        .target(
            name: "Payloads", dependencies: ["Formats", "Jobs", "Platform", "Zlib"], swiftSettings: optimisedSwift),
        .target(
            name: "PostgresStore",
            dependencies: [
                .target(name: "CPostgres", condition: .when(traits: ["Postgres"])),
                "Jobs", "Payloads", "Platform", .product(name: "Logging", package: "swift-log"),
            ], swiftSettings: optimisedSwift),
        .target(
            name: "Datasets", dependencies: ["Formats", "Platform", "Tensors", "VadCLIP"], swiftSettings: optimisedSwift
        ),
        .target(
            name: "Evaluation", dependencies: ["Datasets", "JSON", "Platform", "Reports", "VadCLIP"],
            swiftSettings: optimisedSwift),
        .target(
            name: "Training",
            dependencies: ["CLIP", "Datasets", "Evaluation", "Formats", "JSON", "Platform", "Tensors", "VadCLIP"],
            swiftSettings: optimisedSwift),
        .target(
            name: "Scoring",
            dependencies: [
                "CLIP", "Engine", "Extraction", "Formats", "Frames", "JSON", "Jobs", "Platform", "Tensors", "VadCLIP",
                "Video",
            ]),
        .target(
            name: "API",
            dependencies: [
                "Alerts", "Audit", "Engine", "Formats", "HTTP", "JSON", "Jobs", "Platform", "Reports", "Scoring",
                "Telemetry",
                "Tracing", "VadCLIP", "Webhooks",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .executableTarget(
            name: "vigil",
            dependencies: [
                "API", "Alerts", "Audit", "CLinux", "CResources", "Datasets", "Engine", "Evaluation", "Extraction",
                "Frames",
                "HTTPClient", "JSON", "OTLP",
                "Platform", "PostgresStore", "Reports", "SQLiteStore", "Scenes", "Scoring", "TLS", "Tracing",
                "Training",
                "Video",
                "Webhooks",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Yams", package: "Yams"),
            ]),
        .target(
            name: "TestSupport",
            dependencies: [
                "Formats", "HTTP", "Platform", "TLS", .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/TestSupport", swiftSettings: optimisedSwift),
        .testTarget(name: "PlatformTests", dependencies: ["TestSupport", "Platform"]),
        .testTarget(name: "TelemetryTests", dependencies: ["TestSupport", "Platform", "Telemetry"]),
        .testTarget(name: "JSONTests", dependencies: ["TestSupport", "JSON"]),
        .testTarget(name: "TensorsTests", dependencies: ["TestSupport", "Tensors"]),
        .testTarget(name: "CLIPTests", dependencies: ["TestSupport", "CLIP", "Formats", "Platform"]),
        .testTarget(
            name: "FormatsTests", dependencies: ["TestSupport", "Formats", "JSON", "Platform", "Zlib"],
            exclude: ["Fixtures"]),
        .testTarget(name: "FramesTests", dependencies: ["TestSupport", "Formats", "Frames", "Platform"]),
        .testTarget(name: "VideoTests", dependencies: ["TestSupport", "Frames", "Platform", "Video"]),
        .testTarget(
            name: "ExtractionTests", dependencies: ["TestSupport", "Extraction", "Frames", "Platform", "Tensors"]),
        .target(name: "AllocationCount", path: "Tests/AllocationCount"),
        .testTarget(
            name: "VadCLIPTests", dependencies: ["AllocationCount", "Platform", "TestSupport", "VadCLIP"],
            exclude: ["Fixtures"]),
        .testTarget(
            name: "HTTPTests",
            dependencies: [
                "TestSupport", "Zlib", "HTTP", "Platform", "Tracing",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ]),
        .testTarget(
            name: "TLSTests",
            dependencies: [
                "COpenSSL", "TestSupport", "HTTP", "Platform", "TLS",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "JobsTests", dependencies: ["TestSupport", "Jobs", "Platform", "PostgresStore", "SQLiteStore"]),
        .testTarget(
            name: "EngineTests",
            dependencies: ["TestSupport", "Engine", "Formats", "Jobs", "Platform", "Tensors", "VadCLIP"]),
        .testTarget(
            name: "DatasetsTests",
            dependencies: ["TestSupport", "CLIP", "Datasets", "Formats", "Platform", "Tensors", "VadCLIP"]),
        .testTarget(
            name: "ScenesTests",
            dependencies: [
                "TestSupport", "CLIP", "Datasets", "Extraction", "Formats", "Frames", "Platform", "Scenes", "Tensors",
                "VadCLIP",
            ]),
        .testTarget(
            name: "EvaluationTests",
            dependencies: [
                "TestSupport", "Datasets", "Evaluation", "Formats", "JSON", "Platform", "Reports", "VadCLIP",
            ]),
        .testTarget(name: "ReportsTests", dependencies: ["TestSupport", "Formats", "JSON", "Platform", "Reports"]),
        .testTarget(
            name: "TrainingTests",
            dependencies: [
                "TestSupport", "CLIP", "Datasets", "Evaluation", "Extraction", "Formats", "Frames", "JSON", "Platform",
                "Scenes", "Tensors", "Training", "VadCLIP",
            ]),
        .testTarget(name: "TracingTests", dependencies: ["TestSupport", "Platform", "Tracing"]),
        .testTarget(
            name: "OTLPTests", dependencies: ["TestSupport", "HTTPClient", "JSON", "OTLP", "Platform", "Tracing"]),
        .testTarget(
            name: "AlertsTests", dependencies: ["TestSupport", "Alerts", "HTTPClient", "JSON", "Platform", "Webhooks"]),
        .testTarget(name: "AuditTests", dependencies: ["TestSupport", "Audit", "JSON", "Platform"]),
        .testTarget(name: "HTTPClientTests", dependencies: ["TestSupport", "HTTPClient", "Platform"]),
        .testTarget(
            name: "WebhooksTests", dependencies: ["TestSupport", "HTTPClient", "Platform", "TLS", "Webhooks"]),
        .testTarget(
            name: "SQLiteStoreTests",
            dependencies: [
                "TestSupport", "Jobs", "Payloads", "Platform", "SQLiteStore",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "PostgresStoreTests",
            dependencies: [
                "TestSupport", "Jobs", "Platform", "PostgresStore", .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "ScoringTests",
            dependencies: [
                "TestSupport", "API", "Engine", "Formats", "JSON", "Jobs", "Platform", "Scoring", "Tensors", "VadCLIP",
            ]),
        .testTarget(
            name: "APITests",
            dependencies: [
                "TestSupport", "API", "Alerts", "Audit", "Engine", "Formats", "HTTP", "HTTPClient", "JSON", "Jobs",
                "Tensors",
                "Platform", "Scoring", "TLS", "Telemetry", "Tracing", "VadCLIP", "Video", "Webhooks",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Yams", package: "Yams"),
            ]),
        .testTarget(
            name: "VigilTests",
            dependencies: [
                "TestSupport", "API", "Engine", "Formats", "HTTP", "HTTPClient", "JSON", "Jobs", "Platform",
                "SQLiteStore",
                "Tracing",
                "Scoring",
                "VadCLIP", "Webhooks", "vigil",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(name: "TidyTests", dependencies: ["TestSupport"]),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu17
)

// For make fuzz alone: libFuzzer brings the main function, so that an ordinary build can't have this target.
if Context.environment["VIGIL_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "Fuzz",
            dependencies: [
                "Zlib", "Formats", "Frames", "HTTP", "HTTPClient", "JSON", "Platform", "Webhooks",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            path: "Tests/Fuzz", exclude: ["run.sh", "seeds.py"],
            swiftSettings: [.unsafeFlags(["-parse-as-library"])]))
}

// For Tests/Load/scale.sh alone: many servers in one process on one PostgreSQL, which is measured.
if Context.environment["VIGIL_SCALE"] != nil {
    package.targets.append(
        .executableTarget(
            name: "Scale",
            dependencies: [
                "Jobs", "Platform", "PostgresStore", .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/Scale", swiftSettings: [.unsafeFlags(["-parse-as-library"])]))
}
