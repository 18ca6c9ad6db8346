import Canvas
import Curl
import Foundation
import NIOConcurrencyHelpers
import Simulators
import Testing

/// Against the simulated Canvas, over real sockets.
@Suite(.timeLimit(.minutes(5)))
struct CanvasImportsTests {
    private let accounts = "account_id,parent_account_id,name,status\nA1,,Río,active\nA2,,\"Two, too\",active\n"
    private let faulty = "account_id,parent_account_id,name,status\nA1,,Río,active\nA2,NOWHERE,Two,active\n"

    @Test
    func `a file becomes an import that ends with counts`() async throws {
        try await CanvasBench.run { bench in
            let created = try await bench.upload(accounts)
            #expect(created.state == .created)
            #expect(created.importType == "instructure_csv")
            #expect(created.createdAt != nil)
            let done = try await bench.finished(created.id)
            #expect(done.state == .imported)
            #expect(done.state.isSuccess)
            #expect(done.progress == 100)
            #expect(done.counts["accounts"] == 2)
            #expect(done.statistics.changes["Account"]?["created"] == 2)
            #expect(done.suppliedBatches == ["account"])
            #expect(done.userID == "1")
            #expect(bench.simulator.imports.first?.upload?.fileName == "batch-7.csv")
        }
    }

    @Test
    func `rejected rows come as warnings, as a listing and as a file`() async throws {
        try await CanvasBench.run { bench in
            let done = try await bench.finished(try await bench.upload(faulty).id)
            #expect([.importedWithMessages, .failedWithMessages].contains(done.state))
            let messages = done.warnings + done.errors
            #expect(messages.count == 1)
            #expect(messages.first?.file == "batch-7.csv")
            let listed = try await collected(bench.canvas.sisImportErrors(done.id))
            #expect(listed.count == 1)
            #expect(listed.first?.importID == done.id)
            let file = try #require(done.errorsAttachment)
            let path = bench.folder + "/errors.csv"
            let bytes = try await bench.canvas.download(file, to: path, limit: 1 << 20)
            let text = try String(contentsOf: URL(filePath: path), encoding: .utf8)
            #expect(bytes == Int64(text.utf8.count))
            #expect(text.hasPrefix("sis_import_id,file,message,row\n"))
            let error = try await failure { try await bench.canvas.download(file, to: path + "2", limit: 10) }
            #expect(error.transport?.code == .tooLarge)
        }
    }

    @Test
    func `options arrive as they are set, and only those`() async throws {
        try await CanvasBench.run { bench in
            var options = SISImportOptions()
            options.overrideSISStickiness = true
            options.addSISStickiness = false
            options.skipDeletes = true
            options.diffingDataSetIdentifier = "Übung & 1"
            options.changeThreshold = 20
            let created = try await bench.upload(accounts, options: options)
            #expect(created.diffingDataSetIdentifier == "Übung & 1")
            let seen = try #require(bench.simulator.imports.first?.options)
            #expect(seen.overrideSISStickiness == true)
            #expect(seen.addSISStickiness == false)
            #expect(seen.clearSISStickiness == nil)
            #expect(seen.skipDeletes)
            #expect(seen.changeThreshold == 20)
            #expect(!seen.batchMode)
        }
    }

    @Test
    func `a listing follows its pages and filters`() async throws {
        try await CanvasBench.run {
            $0.startDelay = .seconds(3600)
        } client: {
            $0.pageSize = 2
        } _: { bench in
            var ids: [String] = []
            for _ in 1...5 { ids.append(try await bench.upload(accounts).id) }
            let all = try await collected(bench.canvas.sisImports())
            #expect(all.map(\.id) == ids.reversed())
            let created = try await collected(bench.canvas.sisImports(workflowStates: [.created, .importing]))
            #expect(created.count == 5)
            let imported = try await collected(bench.canvas.sisImports(workflowStates: [.imported]))
            #expect(imported.isEmpty)
            let past = try await collected(bench.canvas.sisImports(createdSince: Date(timeIntervalSinceNow: -3600)))
            #expect(past.count == 5)
            let future = try await collected(bench.canvas.sisImports(createdSince: Date(timeIntervalSinceNow: 3600)))
            #expect(future.isEmpty)
        }
    }

    @Test
    func `a listing without end is ended`() async throws {
        try await CanvasBench.run {
            $0.startDelay = .seconds(3600)
        } client: { configuration in
            configuration.pageSize = 1
            configuration.maxPages = 2
        } _: { bench in
            for _ in 1...3 { _ = try await bench.upload(accounts) }
            let error = try await failure { try await collected(bench.canvas.sisImports()) }
            #expect(error.code == .unreadableAnswer)
        }
    }

    @Test
    func `a waiting import is aborted, a finished one is not found`() async throws {
        try await CanvasBench.run {
            $0.startDelay = .seconds(3600)
        } _: { bench in
            let created = try await bench.upload(accounts)
            #expect(try await bench.canvas.importingSISImports().isEmpty)
            let aborted = try await bench.canvas.abortSISImport(created.id)
            #expect(aborted.state == .aborted)
            let error = try await failure { try await bench.canvas.abortSISImport(created.id) }
            #expect(error.code == .notFound)
        }
    }

    @Test
    func `a doctor sees user, account and permissions`() async throws {
        try await CanvasBench.run { bench in
            #expect(try await bench.canvas.currentUser().id == "1")
            let account = try await bench.canvas.account()
            #expect(account.isRoot)
            #expect(account.name == "Río Bravo Unified School District")
            #expect(try await bench.canvas.permissions() == ["import_sis": true, "manage_sis": true])
            let limits = bench.rateLimits.withLockedValue { $0 }
            #expect(limits.count == 3)
            #expect(limits.allSatisfy { ($0.remaining ?? 0) > 500 && ($0.cost ?? 0) > 0 })
        }
    }
}
