import HTTP
import HTTPTypes
import Scoring
import Testing

@testable import API

@Suite("The type of an upload")
struct MediaTypeTests {
    @Test("media types choose the format; others are refused with what is taken")
    func mediaTypes() throws {
        func format(_ type: String?) throws -> UploadFormat? {
            var fields: [(name: HTTPField.Name, value: String)] = []
            if let type { fields.append((.contentType, type)) }
            let head = RequestHead(method: .post, path: "/score", fields: HeaderFields(fields))
            if case .file(let format) = try VigilService.body(of: head) { return format }
            return nil
        }
        #expect(try format(nil) == .bytes)
        #expect(try format("application/x-npy") == .npy)
        #expect(try format("application/JSON; charset=utf-8") == .json)
        #expect(try format("application/x-www-form-urlencoded") == .unlabelled)
        for type in ["application/zip", "application/x-zip-compressed"] { #expect(try format(type) == .zip) }
        #expect(try format("multipart/form-data; boundary=\"a b\"") == nil)
        for type in ["text/plain", "nonsense", "image/png"] {
            let problem = #expect(throws: HTTPProblem.self) { try format(type) }
            #expect(problem?.status.code == 415)
            #expect(problem?.detail.contains("application/x-npy") == true)
            #expect(problem?.detail.contains("application/zip") == true)
        }
    }
}
