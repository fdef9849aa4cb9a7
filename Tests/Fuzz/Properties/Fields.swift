@testable import HTTP

/// The value of a field, read by each of the fields that have a grammar: what is read reads back from what is written.
func checkFields(_ input: UnsafeRawBufferPointer) {
    let text = String(decoding: input, as: UTF8.self)
    if let media = MediaType(text) {
        require(MediaType(media.description) == media, "\(media) reads back, not as \(MediaType(media.description)!)")
        require(AcceptHeader(media.description).quality(of: media) <= 1000, "a weight is at most 1000")
    }
    let accept = AcceptHeader(text)
    let offered = ["application/json", "application/x-npy", "text/html; level=1"].compactMap { MediaType($0) }
    if let chosen = accept.preferred(among: offered) {
        let quality = accept.quality(of: chosen)
        require((1...1000).contains(quality), "what is chosen is welcome")
        require(offered.allSatisfy { accept.quality(of: $0) <= quality }, "nothing else is more welcome")
    }
    let prefer = PreferHeader(text)
    if case .seconds(let wait)? = prefer.wait { require(wait >= 0, "a wait is no negative number") }
    for tag in EntityTag.list(text).tags {
        require(EntityTag.list(tag.description) == ([tag], true), "a tag reads back")
        require(tag.matches(ifNoneMatch: text), "a tag that is listed is found")
    }
}
