import Platform

/// Whose a state folder is: who copies one as another user, as root does, gives the copy to its owner, where that may be.
enum FolderOwner {
    /// Gives a copy, and all that was made in it, to the user and the group of the folder; says whether all of it is theirs now.
    static func give(_ copy: StatePlaces, as folder: String) -> Bool {
        var owner = stat()
        guard stat(folder, &owner) == 0 else { return false }
        var isTheirs = true
        for place in [copy.files, copy.models, copy.videos, copy.folder] where access(place, F_OK) == 0 {
            for name in Directory.names(in: place) where !["files", "models", "videos"].contains(name) {
                isTheirs = give(place + "/" + name, to: owner) && isTheirs
            }
            isTheirs = give(place, to: owner) && isTheirs
        }
        return isTheirs
    }

    /// What another user may have put there in the meantime, a link or another name of a file, is left alone.
    private static func give(_ path: String, to owner: stat) -> Bool {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { closeDescriptor(descriptor) }
        var own = stat()
        guard fstat(descriptor, &own) == 0 else { return false }
        if own.st_uid == owner.st_uid, own.st_gid == owner.st_gid { return true }
        let isFolder = own.st_mode & S_IFMT == S_IFDIR
        guard isFolder || own.st_mode & S_IFMT == S_IFREG && own.st_nlink == 1 else { return false }
        return fchown(descriptor, owner.st_uid, owner.st_gid) == 0
    }
}
