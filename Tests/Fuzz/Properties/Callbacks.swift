import Platform

@testable import Webhooks

/// A URL for notices, and a pattern of hosts: what is read reads back from what is written, and is nothing but what may
/// stand in a request.
func checkCallback(_ input: UnsafeRawBufferPointer) {
    let text = String(decoding: input, as: UTF8.self)
    if let pattern = try? HostPattern(text) {
        require((try? HostPattern(pattern.description)) == pattern, "\(pattern) reads back")
    }
    guard let url = try? WebhookURL(text) else { return }
    require((try? WebhookURL(url.text)) == url, "\(url.text) reads back")
    require(url.text.utf8.count <= WebhookURL.maxBytes, "the limit holds")
    require(url.text.utf8.allSatisfy { (0x21...0x7E).contains($0) }, "all bytes are visible")
    require(url.target.utf8.first == UInt8(ascii: "/"), "a target begins with a slash")
    require(!url.text.utf8.contains(UInt8(ascii: "#")) && !url.authority.contains("@"), "no fragment, nobody's name")
    require(url.description == "\(url.scheme)://\(url.authority)", "a description has no path")
    require((try? HostPattern("\(url.host):\(url.port)"))?.matches(url) == true, "its own host and port are a pattern")
    guard case .address(let address) = url.host else { return }
    let other = address.withSocketAddress(port: url.port) { IPAddress($0, length: $1) }
    require(other == address && other?.addressClass == address.addressClass, "the kernel's form is the same address")
}
