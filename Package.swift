// swift-tools-version: 6.2
import PackageDescription

// The targets stand in reading order: what stands lower may depend on what stands above it, never the other way round.

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .treatAllWarnings(as: .error),
]

/// For the targets that touch C: every use of a pointer must say `unsafe`.
let overC: [SwiftSetting] = strict + [.strictMemorySafety()]

let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let locks: Target.Dependency = .product(name: "NIOConcurrencyHelpers", package: "swift-nio")
let niocore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let threads: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let collections: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let mustache: Target.Dependency = .product(name: "Mustache", package: "swift-mustache")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let filePaths: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let yaml: Target.Dependency = .product(name: "Yams", package: "Yams")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")

func target(
    _ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = [], settings: [SwiftSetting] = strict
) -> Target {
    .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: settings)
}

func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(
    _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = [], settings: [SwiftSetting] = strict
) -> Target {
    .testTarget(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: settings)
}

func systemLibrary(_ name: String, pkgConfig: String, apt: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let package = Package(
    name: "rosterline",
    products: [
        .executable(name: "rosterline", targets: ["rosterline"]),
        .executable(name: "rosterline-sim", targets: ["rosterline-sim"]),
        .executable(name: "rosterline-bench", targets: ["rosterline-bench"]),
        .executable(name: "rosterline-chaos", targets: ["rosterline-chaos"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // C: module maps and shims, no logic.
        systemLibrary("CPostgres", pkgConfig: "libpq", apt: "libpq-dev"),
        systemLibrary("CRabbitMQ", pkgConfig: "librabbitmq", apt: "librabbitmq-dev"),
        systemLibrary("CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
        systemLibrary("CArchive", pkgConfig: "libarchive", apt: "libarchive-dev"),
        .target(name: "CLinux"),
        .target(name: "CAssets"),
        .target(name: "CJobBench", dependencies: ["CPostgres", "CRabbitMQ"]),

        // Clients: Swift over C; they know nothing of jobs.
        target("EventLoops", ["CLinux", locks], settings: overC),
        target("Postgres", ["CPostgres", "EventLoops", locks, logging, lifecycle, collections], settings: overC),
        target("RabbitMQ", ["CRabbitMQ", "EventLoops", locks, logging, lifecycle, collections], settings: overC),
        target("Curl", ["CCurl", "CLinux", "EventLoops", locks, logging, httpTypes, collections], settings: overC),

        // Formats and peers: the outside world's words, nothing of jobs.
        target("CSV", settings: overC),
        target("Archives", ["CArchive"], settings: overC),
        target("OneRoster", ["CSV", "Archives"]),
        target("Canvas", ["Curl", "CSV", httpTypes, logging]),

        // Domain: values and rules.
        target("Jobs", [logging]),
        target("Schedules", ["Jobs"]),
        target("Conversion", ["CSV", "OneRoster"]),

        // Adapters.
        target("Storage", ["Jobs", "Schedules", "Postgres", "CAssets", logging], settings: overC),
        target("Broker", ["Jobs", "RabbitMQ", logging, metrics, lifecycle]),
        target("Artifacts", ["Jobs", crypto, logging, threads]),
        target("Secrets", []),
        target("Observability", [logging, metrics, locks]),

        // Services: none imports another; they meet only in the program.
        target("Scheduler", ["Jobs", "Schedules", "Storage", "Postgres", logging, lifecycle]),
        target("Dispatcher", ["Jobs", "Storage", "Broker", "Postgres", logging, metrics, lifecycle, locks]),
        target("Worker", ["Jobs", "Storage", "Broker", "Postgres", "EventLoops", logging, metrics, lifecycle, locks]),
        target(
            "Pipeline",
            [
                "Jobs", "Storage", "OneRoster", "Canvas", "Conversion", "Artifacts", "Secrets", "Curl", "CSV",
                "Archives",
                logging, httpTypes, threads, locks,
            ]),
        target(
            "ImportPolling",
            ["Jobs", "Storage", "Canvas", "Artifacts", "Curl", "Postgres", logging, metrics, lifecycle]),
        target(
            "Maintenance", ["Jobs", "Storage", "Broker", "RabbitMQ", "Postgres", logging, metrics, lifecycle]),
        target(
            "StatusAPI",
            [
                "Jobs", "Schedules", "Storage", "Artifacts", "CSV", "Observability", "CAssets", "Postgres", hummingbird,
                mustache,
                logging,
                httpTypes, lifecycle, niocore, hummingbirdCore,
            ], exclude: ["Web"]),

        // Programs.
        program(
            "rosterline",
            [
                "Scheduler", "Dispatcher", "Worker", "Pipeline", "ImportPolling", "Maintenance", "StatusAPI",
                "Observability",
                "Storage", "Broker", "Artifacts", "Secrets", "Canvas", "Curl", "Postgres", "RabbitMQ", "Jobs",
                "Schedules", "Conversion",
                arguments, configuration, lifecycle, signals, logging, threads, yaml, filePaths, httpTypes,
            ]),
        target("LocalServers", [subprocess, logging, locks]),
        target("Simulators", ["Archives", hummingbird, httpTypes, locks, logging, crypto, niocore, threads]),
        program(
            "rosterline-sim", ["Simulators", "LocalServers", "Curl", arguments, lifecycle, signals, logging, httpTypes]),
        .executableTarget(
            name: "rosterline-bench",
            dependencies: [
                "Conversion", "OneRoster", "Archives", "Simulators", "CJobBench", "Jobs", "Storage", "Broker",
                "Scheduler",
                "Dispatcher", "Worker", "Postgres", "RabbitMQ", "LocalServers", arguments, logging, locks, lifecycle,
                signals,
            ], exclude: ["Peers"], swiftSettings: overC),

        target(
            "Chaos",
            [
                "Jobs", "Schedules", "Storage", "Postgres", "Broker", "RabbitMQ", "Worker", "Scheduler", "LocalServers",
                "Simulators", logging, lifecycle, locks, niocore, threads, signals,
            ]),
        program("rosterline-chaos", ["Chaos", "Broker", "Jobs", "Postgres", "RabbitMQ", "Worker", arguments, logging]),

        // Tests: one target for each module; `TestSupport` brings the real servers.
        .target(
            name: "TestSupport", dependencies: ["LocalServers", locks, logging], path: "Tests/TestSupport",
            swiftSettings: strict),
        .target(
            name: "EngineTestSupport",
            dependencies: [
                "Jobs", "Storage", "Postgres", "Artifacts", "Canvas", "Curl", "Simulators", "TestSupport", logging,
                locks,
            ],
            path: "Tests/EngineTestSupport", swiftSettings: strict),
        tests("EventLoopsTests", ["EventLoops", "TestSupport"], settings: overC),
        tests("PostgresTests", ["Postgres", "LocalServers", "TestSupport", locks, logging]),
        tests(
            "RabbitMQTests", ["RabbitMQ", "CRabbitMQ", "LocalServers", "TestSupport", logging, lifecycle, locks],
            settings: overC),
        tests(
            "CurlTests",
            ["Curl", "LocalServers", "TestSupport", hummingbird, httpTypes, logging, niocore, locks, lifecycle]),
        tests("CSVTests", ["CSV"]),
        tests("ArchivesTests", ["Archives", "TestSupport"]),
        tests("OneRosterTests", ["OneRoster", "Archives", "TestSupport"]),
        tests(
            "CanvasTests",
            [
                "Canvas", "Curl", "Secrets", "Simulators", "TestSupport", hummingbird, httpTypes, logging, niocore,
                locks,
            ], exclude: ["Fixtures"]),
        tests("JobsTests", ["Jobs"]),
        tests("SchedulesTests", ["Schedules", "Jobs"]),
        tests("ConversionTests", ["Conversion", "OneRoster", "CSV", "TestSupport"], exclude: ["Fixtures"]),
        tests(
            "StorageTests", ["Storage", "Jobs", "Schedules", "Postgres", "EngineTestSupport", "TestSupport", logging]),
        tests("BrokerTests", ["Broker", "Jobs", "RabbitMQ", "LocalServers", "TestSupport", logging]),
        tests("ArtifactsTests", ["Artifacts", "TestSupport"]),
        tests(
            "SchedulerTests",
            [
                "Scheduler", "Jobs", "Schedules", "Storage", "Postgres", "EngineTestSupport", "TestSupport", logging,
                locks,
            ]),
        tests(
            "DispatcherTests",
            [
                "Dispatcher", "Broker", "RabbitMQ", "Jobs", "Storage", "Postgres", "EngineTestSupport", "TestSupport",
                logging,
            ]),
        tests(
            "WorkerTests",
            [
                "Worker", "Dispatcher", "Maintenance", "Jobs", "Storage", "Broker", "Postgres", "RabbitMQ",
                "LocalServers",
                "EngineTestSupport", "TestSupport", logging, locks, lifecycle,
            ]),
        tests(
            "MaintenanceTests",
            [
                "Maintenance", "Broker", "RabbitMQ", "LocalServers", "Jobs", "Storage", "Postgres", "EngineTestSupport",
                "TestSupport", logging,
            ]),
        tests(
            "ImportPollingTests",
            [
                "ImportPolling", "Artifacts", "Canvas", "Curl", "Simulators", "Jobs", "Storage", "Postgres",
                "EngineTestSupport",
                "TestSupport", logging, locks,
            ]),
        tests(
            "PipelineTests",
            [
                "Pipeline", "ImportPolling", "Archives", "Artifacts", "Canvas", "Curl", "Simulators", "Jobs", "Storage",
                "Postgres", "EngineTestSupport", "TestSupport", logging, locks, threads,
            ]),
        tests("SimulatorsTests", ["Simulators", "Archives", "Curl", "LocalServers", httpTypes, logging]),
        tests(
            "StatusAPITests",
            [
                "StatusAPI", "Storage", "Jobs", "Schedules", "Postgres", "Artifacts", "Curl", "Observability",
                "LocalServers",
                "TestSupport", hummingbird, httpTypes,
                logging, metrics, locks, lifecycle,
            ]),
        tests(
            "RosterlineTests",
            [
                "rosterline", "Jobs", "Schedules", "Storage", "Postgres", "Broker", "Curl", "RabbitMQ", "LocalServers",
                "EngineTestSupport", "TestSupport", arguments, configuration, logging,
            ]),
        tests("EndToEndTests", ["rosterline", "Simulators", "LocalServers", "Postgres", "TestSupport", logging]),
        tests(
            "ChaosTests",
            [
                "Chaos", "rosterline", "rosterline-chaos", "Broker", "EngineTestSupport", "Jobs", "LocalServers",
                "Postgres", "RabbitMQ", "Storage", "TestSupport", logging,
            ]),
        tests("TidyTests", []),
    ],
    cLanguageStandard: .gnu2x
)
