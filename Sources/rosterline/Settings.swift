import Configuration
import Foundation
import SystemPackage
import Yams

/// The configuration of a process: environment variables first, then a YAML file. Every key was checked when it was
/// loaded: unknown ones and malformed values are refused, so that a slip of the pen is no silent default.
struct Settings: Sendable {
    private let values: [String: String]

    /// Loads and checks.
    ///
    /// - Parameters:
    ///   - environment: variables that begin with `ROSTERLINE_` count.
    ///   - file: a YAML file; nil takes `ROSTERLINE_CONFIG`, if set.
    /// - Throws: `ConfigurationError`.
    init(environment: [String: String] = ProcessInfo.processInfo.environment, file: String? = nil) async throws {
        try Self.refuseUnknown(environment)
        var providers: [any ConfigProvider] = [
            EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "rosterline")
        ]
        let path = file ?? environment[Self.fileVariable]
        if let path {
            try Self.refuseUnknown(inFile: path)
            providers.append(try await FileProvider<YAMLSnapshot>(filePath: FilePath(path)))
        }
        let reader = ConfigReader(providers: providers)
        var values: [String: String] = [:]
        for setting in Setting.all {
            guard let value = try Self.read(setting, from: reader) ?? setting.fallback else { continue }
            guard setting.form.accepts(value) else {
                let name =
                    environment[setting.environmentName] == nil
                    ? "\(setting.key) in \(path ?? "")" : setting.environmentName
                throw ConfigurationError.malformed(name, setting, value: value)
            }
            values[setting.key] = value
        }
        self.values = values
    }

    /// The value of a key without a default.
    ///
    /// - Throws: `ConfigurationError` that names the key and what it is for.
    func required(_ key: String) throws -> String {
        if let value = values[key] { return value }
        throw Setting.all.first { $0.key == key }.map(ConfigurationError.missing)
            ?? ConfigurationError.unknown(key, among: Setting.all.map(\.key))
    }

    func optional(_ key: String) -> String? { values[key] }

    func whole(_ key: String) throws -> Int { Int(try required(key)) ?? 0 }

    func duration(_ key: String) throws -> Duration { .seconds(Double(try required(key)) ?? 0) }

    private static let fileVariable = "ROSTERLINE_CONFIG"

    private static func read(_ setting: Setting, from reader: ConfigReader) throws -> String? {
        var isSecret = false
        if case .secret = setting.form { isSecret = true }
        if let value = reader.string(forKey: ConfigKey(setting.key), isSecret: isSecret) { return value }
        guard isSecret, let path = reader.string(forKey: ConfigKey(setting.key + "File")) else { return nil }
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw ConfigurationError(
                description:
                    "\(setting.environmentName)_FILE names \(path), which cannot be read. Check the path and its owner."
            )
        }
        return text.trimmingCharacters(in: .newlines)
    }

    private static func refuseUnknown(_ environment: [String: String]) throws {
        let known = Setting.all.flatMap { setting in
            if case .secret = setting.form { return [setting.environmentName, setting.environmentName + "_FILE"] }
            return [setting.environmentName]
        }
        for name in environment.keys.sorted() where name.hasPrefix("ROSTERLINE_") && name != fileVariable {
            if !known.contains(name) { throw ConfigurationError.unknown(name, among: known) }
        }
    }

    private static func refuseUnknown(inFile path: String) throws {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw ConfigurationError(description: "The configuration file \(path) cannot be read.")
        }
        let root: Any?
        do {
            root = try Yams.load(yaml: text)
        } catch {
            throw ConfigurationError(description: "The configuration file \(path) is no YAML: \(error)")
        }
        guard let table = root as? [String: Any] else {
            throw ConfigurationError(description: "The configuration file \(path) must be a table of keys.")
        }
        for (key, value) in leaves(of: table, prefix: "") {
            guard let setting = Setting.all.first(where: { $0.takes(key) }) else {
                throw ConfigurationError.unknown(key, among: Setting.all.map(\.key))
            }
            // A list is no value of any key, and would be passed over for the default.
            if value is [Any] { throw ConfigurationError.malformed("\(key) in \(path)", setting, value: "a list") }
        }
    }

    private static func leaves(of table: [String: Any], prefix: String) -> [(key: String, value: Any)] {
        table.sorted { $0.key < $1.key }.flatMap { name, value in
            (value as? [String: Any]).map { leaves(of: $0, prefix: prefix + name + ".") } ?? [(prefix + name, value)]
        }
    }
}

extension Setting {
    /// Whether the YAML file may have this key for it: its own, or that of the file with the secret.
    fileprivate func takes(_ key: String) -> Bool {
        if case .secret = form, key == self.key + "File" { return true }
        return key == self.key
    }
}

extension Setting.Form {
    func accepts(_ value: String) -> Bool {
        switch self {
        case .text, .secret: !value.isEmpty
        case .whole(let range): Int(value).map(range.contains) ?? false
        case .seconds(let range): Double(value).map(range.contains) ?? false
        case .choice(let choices): choices.contains(value)
        }
    }
}
