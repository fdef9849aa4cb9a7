import TestSupport
import Testing
import Webhooks

@testable import API

@Suite("The file of secrets that callbacks are signed with")
struct WebhookSecretFileTests {
    @Test("one that can't be used is told what a file of secrets has, and nothing of keys", arguments: [1 << 20, 1])
    func unusable(count: Int) throws {
        let folder = try ScratchFolder()
        // No text, in one case too much of it.
        _ = try folder.write([UInt8](repeating: 0xFF, count: 1 + count), to: "secrets")
        let path = folder.path + "/secrets"
        let error = #expect(throws: WebhookSecretError.self) { try WebhookSecretFile(path: path) }
        let text = error?.description ?? ""
        #expect(text.contains(path) && text.contains("whsec_BASE64"), "\(text)")
        #expect(!text.contains("sha256hex") && !text.contains("keys"), "\(text)")
    }
}
