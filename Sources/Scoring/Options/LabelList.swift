/// Where the normal class stands among labels that someone has given: it is the first, whatever that is called.
public enum LabelList {
    /// Throws where a label says that it is the normal class and is not the first: a segment would be called after it.
    static func check(_ labels: [String]) throws(OptionError) {
        guard let first = labels.first, !isNormal(first), let index = labels.firstIndex(where: isNormal) else { return }
        throw OptionError(
            name: "labels",
            problem:
                "'\(labels[index].prefix(40))' is label \(index + 1), and the first label is the normal class: put it "
                + "first")
    }

    /// What to say of labels none of which says that it is the normal class.
    public static func warning(of labels: [String]) -> String? {
        guard let first = labels.first, !labels.contains(where: isNormal) else { return nil }
        return
            "no label is called normal: the first, '\(first.prefix(40))', counts as the normal class, so that no segment "
            + "is called after it"
    }

    /// Whether one of the label's words is `normal`, in capitals or not.
    private static func isNormal(_ label: String) -> Bool {
        let folded = label.asciiLowercase.utf8
        return folded.split { !(0x61...0x7A).contains($0) && $0 < 0x80 }.contains { $0.elementsEqual("normal".utf8) }
    }
}
