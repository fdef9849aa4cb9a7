import Platform

/// A file that a setting names to be read.
enum InputFile {
    /// Why there is no such file, or why it can't be read; nil where it can. It is not opened: what is a pipe by mistake
    /// would lose its writer.
    static func fault(_ path: String) -> String? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            return path.utf8.elementsEqual("-".utf8) ? "standard input is not taken here, expected a file" : reason()
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0 ? nil : reason()
        case S_IFDIR: return "is a folder, expected a file"
        default: return "is not a regular file"
        }
    }

    private static func reason() -> String {
        errno == ENOENT || errno == ENOTDIR ? "no such file" : errnoText(errno)
    }
}
