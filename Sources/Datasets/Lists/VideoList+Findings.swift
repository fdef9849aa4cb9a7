import Platform

/// What a list is for.
public enum ListPurpose: Equatable, Sendable {
    /// Each crop of a video is a sample of its own.
    case training
    /// A video is scored once.
    case testing
}

extension VideoList {
    /// What is wrong or doubtful in the list itself, whatever its files hold.
    ///
    /// - Parameters:
    ///   - classes: those of each row, by their indexes
    ///   - summary: what was counted of the list
    ///   - purpose: what the list is for
    public func findings(classes: [[Int]], _ summary: ListSummary, for purpose: ListPurpose) -> [Finding] {
        var (findings, hasCrops) = repeated(classes: classes)
        if purpose == .testing, hasCrops {
            findings.append(
                Finding(
                    DatasetError(
                        .badData,
                        "\(path) names up to \(summary.mostRowsOfAVideo) crops of a video (\(summary.rows) rows of "
                            + "\(summary.videos) videos), and a video is tested once. Is it the training list? --crop N takes "
                            + "the rows of one crop: \(Self.testCrops)")))
        }
        let empty = summary.emptyClasses.joined(separator: ", ")
        if !empty.isEmpty {
            findings.append(
                purpose == .training
                    ? Finding(
                        DatasetError(
                            .badData,
                            "no video of the training list has the class \(empty): nothing can be learned of it"))
                    : Finding(
                        doubt: "no video of the list has the class \(empty): its average precision counts as 0 in the "
                            + "published mAP"))
        }
        let rare = purpose == .training ? summary.rareClasses : []
        if !rare.isEmpty { findings.append(Finding(doubts: rare)) }
        return findings
    }

    private static var testCrops: String {
        Benchmark.all.map { "\($0.testCrop) in \($0.name)" }.joined(separator: ", ")
    }

    /// Rows of a video and crop that was there, rows of a video that another one labels otherwise, and whether there is a
    /// video of several crops.
    private func repeated(classes: [[Int]]) -> (findings: [Finding], hasCrops: Bool) {
        var again = Cases()
        var otherwise = Cases()
        var crops: [VideoName: Int] = [:]
        var videos: [ByteText: Int] = [:]
        crops.reserveCapacity(rows.count)
        videos.reserveCapacity(rows.count)
        for (index, row) in rows.enumerated() {
            let video = quoted(row.video.name)
            if let first = crops[row.video] {
                let other = rows[first]
                again.add(
                    "\(path), line \(row.line): \(quoted(row.path, limit: 200)) is the video \(video)\(Self.crop(row)) that line "
                        + "\(other.line) has as \(quoted(other.path, limit: 200)): a video is known by its file's name, "
                        + "whatever folder it is in")
            } else {
                crops[row.video] = index
            }
            if let first = videos[row.video.name] {
                guard classes[first] != classes[index] else { continue }
                otherwise.add(
                    "\(path), line \(row.line): the video \(video) is labelled \(quoted(row.label)), and "
                        + "\(quoted(rows[first].label)) in line \(rows[first].line): rows whose names differ in the __N at "
                        + "their end alone are crops of one video")
            } else {
                videos[row.video.name] = index
            }
        }
        let found = [again, otherwise].filter { !$0.isEmpty }.map { Finding($0, .badData) }
        return (found, crops.count > videos.count)
    }

    private static func crop(_ row: Row) -> String { row.video.crop.map { ", crop \($0)," } ?? "" }
}
