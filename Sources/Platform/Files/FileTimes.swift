extension stat {
    /// When the file was last written, in nanoseconds since 1970. From the year 2262 on it begins anew, as a number to know a
    /// file by: whoever may write a file says what its time is.
    public var modifiedNanoseconds: Int { Int(st_mtim.tv_sec) &* 1_000_000_000 &+ Int(st_mtim.tv_nsec) }
}
