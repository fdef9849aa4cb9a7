import HTTP
import JSON
import Jobs

extension ExchangeRecord {
    /// The exchange as a line of JSON. What clients wrote in it is escaped, so that none can forge another line.
    func line(at time: WallTime) -> [UInt8] {
        var writer = JSONWriter(reserving: 320)
        writer.object { writer in
            writer.member("time", time.description)
            writer.member("address", address.host)
            writer.member("key", keyName)
            writer.member("method", method?.rawValue)
            writer.member("path", path)
            writer.member("status", status?.code)
            writer.member("complete", isComplete)
            writer.member("request_bytes", bodyBytes)
            writer.member("response_bytes", answerBytes)
            writer.member("milliseconds", milliseconds)
            writer.member("request_id", requestID)
        }
        return writer.bytes + [UInt8(ascii: "\n")]
    }

    private var keyName: String? {
        if case .key(let name) = client { name } else { nil }
    }

    /// To the microsecond.
    private var milliseconds: Double {
        Double(Int64((duration / .microseconds(1)).rounded())) / 1_000
    }
}
