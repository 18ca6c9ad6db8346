/// What people and courses of a synthetic district are called.
///
/// The lists hold what breaks careless readers: accents, apostrophes, commas, double quotes, hyphens, blanks inside a
/// name, and names outside the Latin script. Every entry is kept as the bytes of a finished CSV field.
struct DistrictNames: Sendable {
    static let shared = DistrictNames()

    let givenNames: [[UInt8]]
    let familyNames: [[UInt8]]
    let subjects: [(code: [UInt8], title: String)]

    private init() {
        givenNames = DistrictNames.given.split(separator: "|").map { DistrictNames.field(String($0)) }
        familyNames = DistrictNames.family.split(separator: "|").map { DistrictNames.field(String($0)) }
        subjects = DistrictNames.subjectTitles.map { (Array($0.code.utf8), $0.title) }
    }

    /// The bytes of one CSV field, in quotes only where the text needs them.
    static func field(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        guard bytes.contains(where: { $0 == 34 || $0 == 44 || $0 == 10 || $0 == 13 }) else { return bytes }
        var quoted: [UInt8] = [34]
        for byte in bytes {
            if byte == 34 { quoted.append(34) }
            quoted.append(byte)
        }
        quoted.append(34)
        return quoted
    }

    private static let given = """
        Ana|José|Zoë|François|Søren|Łukasz|Nguyễn|Siobhán|Maximilian|Emma|Liam|Olivia|\
        Noah|Ava|Mia|Lucas|Ethan|Isabella|\
        Mary Ann|Jean-Luc|D'Angelo|Anna "Nina"|Robert "Bob"|Þóra|Ángel|Chloë|Renée|Björn|\
        Göran|Ümit|Şebnem|Çağla|İpek|\
        Мария|Дмитрий|Ольга|Ελένη|Γιώργος|李|伟|美玲|さくら|陽翔|민준|서연|محمد|فاطمة|נועה|दीपिका|อรุณ|Zsófia|Győző|Ňaďa|Jiří|\
        Aoife|Niamh|Iñigo|Begoña|João|Inês|Thảo|Đức|Kwame|Adébáyọ̀|Keʻalohi|Nāmaka|\
        T'Challa|Leilani|Mateo|Sofía|Valentina|\
        Daniel|Grace|Henry|Ella|Jack|Scarlett|Levi|Victoria|Owen|Aria|Wyatt|Penelope|Hazel|Nora|Lily|Eleanor|Hannah
        """

    private static let family = """
        García|Müller|O'Brien|O’Connor|Smith|Smith, Jr.|Johnson|Williams|Jones, III|\
        de la Cruz|van der Berg|Núñez|Peña|\
        Gutiérrez|Łukaszewicz|Dvořák|Škoda|Žižka|Øster|Ångström|Öztürk|Yılmaz|Çelik|Nguyễn|Trần|Phạm|Lê|Đặng|Иванова|\
        Кузнецов|Шевченко|Παπαδόπουλος|王|张|陈|田中|佐藤|김|박|الأحمد|بن سعيد|כהן|शर्मा|สุขใจ|\
        Szabó|Kovács|Mac Giolla|Ó Súilleabháin|\
        Fernández-López|Saint-Exupéry|D'Amico|"Ace" Walker|Brown|Davis|Miller|Wilson|\
        Moore|Taylor|Anderson|Thomas|Jackson|\
        White|Harris|Martin|Thompson|Robinson|Clark|Rodriguez|Lewis|Lee|Walker|Hall|Allen|\
        Young|Hernandez|King|Wright|\
        Lopez|Hill|Scott|Green|Adams|Baker|Gonzalez|Nelson|Carter|Mitchell|Perez|Roberts|Turner|Phillips|Campbell|Parker
        """

    private static let subjectTitles: [(code: String, title: String)] = [
        ("MAT", "Mathematics"), ("ENG", "English"), ("BIO", "Biology"), ("CHE", "Chemistry"), ("PHY", "Physics"),
        ("HIS", "History, Local and World"), ("GEO", "Géographie"), ("SPA", "Español"), ("FRE", "Français"),
        ("JPN", "日本語"), ("ART", "Arts, Crafts & Design"), ("MUS", "Music \"Ensemble\""), ("PED", "Physical Education"),
        ("ICT", "Computing"), ("DRA", "Drama"), ("HRM", "Homeroom"),
    ]
}
