import Platform
import Testing

@testable import Webhooks

@Suite("secrets and signatures")
struct SecretTests {
    /// 32 bytes from 0, 24 bytes from 100.
    static let new = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    static let old = "whsec_ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7"

    /// The signatures are from python3:
    ///
    ///     import base64, hashlib, hmac
    ///     for key in (bytes(range(32)), bytes(range(100, 124))):
    ///         text = b'msg_2f9-A.1700000000.{"type":"job.ended","job":"a1"}'
    ///         print("v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode())
    @Test("a notice is signed by each secret, as Standard Webhooks has it")
    func knownAnswer() throws {
        let secrets = try WebhookSecrets("# new\n\(Self.new)\r\n\n  \(Self.old)\t\n", path: "secrets")
        #expect(secrets.count == 2)
        let body = Array(#"{"type":"job.ended","job":"a1"}"#.utf8)
        let message = try #require(WebhookMessage(id: "msg_2f9-A", body: body))
        #expect(
            secrets.signatures(of: message, timestamp: 1_700_000_000)
                == "v1,AVS2Jy75TjoLkvYzv5yXKoP826ht9sStTlDyvKo7SGg= v1,ajn6dMDbqfJbNuiLzan9ARf/47jPObMRxCQOyf9E814=")
    }

    @Test("a comment begins with its sign, whatever mark follows it")
    func commentsAreBytes() throws {
        #expect(try WebhookSecrets("#\u{301} new\n\(Self.new)\n", path: "secrets").count == 1)
    }

    @Test("the vector that the specification's own libraries are tested with")
    func publishedAnswer() throws {
        let secrets = WebhookSecrets(try WebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
        let body = Array(#"{"test": 2432232314}"#.utf8)
        let message = try #require(WebhookMessage(id: "msg_p5jXN8AQM9LWM0D4loKWxJek", body: body))
        #expect(
            secrets.signatures(of: message, timestamp: 1_614_265_330)
                == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test("a notice's id has nothing in it that would make the signed text ambiguous")
    func ids() {
        for id in ["", "a.b", "a b", "a\r\nb", "é", String(repeating: "a", count: 129)] {
            #expect(WebhookMessage(id: id, body: []) == nil)
        }
        #expect(WebhookMessage(id: String(repeating: "a", count: 128), body: []) != nil)
    }

    @Test("a secret has 24 to 64 bytes", arguments: [23, 24, 64, 65])
    func sizes(count: Int) {
        let text = "whsec_" + Base64.encode([UInt8](repeating: 7, count: count))
        if (24...64).contains(count) {
            #expect(throws: Never.self) { try WebhookSecret(text) }
        } else {
            #expect(throws: WebhookSecretError("a webhook secret has 24 to 64 bytes, this one \(count)")) {
                try WebhookSecret(text)
            }
        }
    }

    @Test(
        "what is no secret is refused, and not shown",
        arguments: [
            ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "begins with whsec_"),
            ("WHSEC_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "begins with whsec_"),
            ("whsec_", "has 24 to 64 bytes, this one 0"),
            ("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "Base64"),
            ("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=", "Base64"),
            ("whsec_AAECAwQFBgcICQoL-A0ODxAREhMUFRYXGBkaGxwdHh8=", "Base64"),
            ("whsec_AAECAwQFBgcICQoL\u{0}A0ODxAREhMUFRYXGBkaGxwdHh8=", "Base64"),
            ("whsec_AAEC=wQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "Base64"),
        ])
    func refused(text: String, reason: String) {
        let error = #expect(throws: WebhookSecretError.self) { try WebhookSecret(text) }
        #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
        #expect(error?.description.contains("AAEC") == false && error?.description.contains("Hh8") == false)
    }

    @Test("a file that can't be used is named with its line, and nothing of it is shown")
    func files() {
        let many = (0..<9).map { "whsec_" + Base64.encode([UInt8](repeating: $0, count: 24)) }.joined(separator: "\n")
        for (text, reason) in [
            ("", "f: there is no secret in it"), ("# \(Self.new)\n", "f: there is no secret in it"),
            ("\n\(Self.new)\n\(Self.old) x\n", "f:3: after whsec_"),
            ("\(Self.new)\n\(Self.new)", "f:2: the same secret stands on line 1"),
            (many, "f: 9 secrets are too many"),
        ] {
            let error = #expect(throws: WebhookSecretError.self) { try WebhookSecrets(text, path: "f") }
            #expect(error?.description.hasPrefix(reason) == true, "\(String(describing: error))")
            #expect(error?.description.contains("AAEC") == false && error?.description.contains("ZGVm") == false)
        }
    }

    @Test("a secret shows itself to nobody")
    func hidden() throws {
        let secret = try WebhookSecret(Self.new)
        let secrets = WebhookSecrets(secret)
        var dumped = ""
        dump(secrets, to: &dumped)
        dump(secret, to: &dumped)
        let shown = ["\(secret)", String(reflecting: secret), "\(secrets)", String(reflecting: secrets), dumped]
        for text in shown {
            #expect(!text.contains("AAEC") && !text.contains("[0, 1") && !text.contains("31"), "\(text)")
        }
    }
}
