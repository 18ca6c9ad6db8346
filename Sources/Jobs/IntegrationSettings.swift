import FoundationEssentials

/// What a run needs to know of its integration: the source, the Canvas account, the mapping. It holds references to
/// secrets (`env:NAME`, `file:/path`), never a secret.
package struct IntegrationSettings: Sendable, Codable, Hashable {
    package var source: Source
    package var canvas: CanvasAccount
    /// The mapping's rules by name, as `ConversionRules` reads them; an empty object means the defaults.
    package var mapping: [String: MappingValue]

    package init(source: Source, canvas: CanvasAccount, mapping: [String: MappingValue] = [:]) {
        self.source = source
        self.canvas = canvas
        self.mapping = mapping
    }

    /// Where the roster comes from.
    package struct Source: Sendable, Codable, Hashable {
        /// `oneroster_csv` is the one kind so far.
        package var kind: String
        /// `https://…/roster.zip`, or the path of a zip or a folder that the workers can read.
        package var location: String
        /// Reference to a bearer token for `location`; nil if it needs none.
        package var token: String?

        package init(kind: String = "oneroster_csv", location: String, token: String? = nil) {
            self.kind = kind
            self.location = location
            self.token = token
        }

        package init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            kind = try container.decodeIfPresent(String.self, forKey: .kind) ?? "oneroster_csv"
            location = try container.decode(String.self, forKey: .location)
            token = try container.decodeIfPresent(String.self, forKey: .token)
        }
    }

    /// Where the roster goes.
    package struct CanvasAccount: Sendable, Codable, Hashable {
        /// Address of the Canvas, such as `https://school.instructure.com`.
        package var address: String
        /// The root account: `self` or a number.
        package var account: String
        /// Reference to the access token.
        package var token: String

        package init(address: String, account: String = "self", token: String) {
            self.address = address
            self.account = account
            self.token = token
        }

        package init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            address = try container.decode(String.self, forKey: .address)
            account = try container.decodeIfPresent(String.self, forKey: .account) ?? "self"
            token = try container.decode(String.self, forKey: .token)
        }
    }

    /// JSON with sorted keys, as stored with a job.
    package func encoded() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    package init(decoding json: String) throws {
        self = try JSONDecoder().decode(IntegrationSettings.self, from: Data(json.utf8))
    }
}

/// A value of a mapping rule: what JSON and YAML can say, without nesting deeper than a table of words.
package enum MappingValue: Sendable, Codable, Hashable {
    case flag(Bool)
    case number(Int)
    case text(String)
    case list([String])
    case table([String: String])

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? container.decode(Int.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let list = try? container.decode([String].self) {
            self = .list(list)
        } else {
            self = .table(try container.decode([String: String].self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .flag(let flag): try container.encode(flag)
        case .number(let number): try container.encode(number)
        case .text(let text): try container.encode(text)
        case .list(let list): try container.encode(list)
        case .table(let table): try container.encode(table)
        }
    }
}
