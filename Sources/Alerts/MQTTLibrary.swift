import CMosquitto
import Platform

/// libmosquitto, once it is found on this machine.
///
/// Sound as `@unchecked Sendable`: a table of functions that never changes.
public struct MQTTLibrary: @unchecked Sendable {
    let table: vigil_mosquitto

    /// The library is not here.
    public struct Missing: Error, Sendable, CustomStringConvertible {
        /// What is missing, in plain words.
        public let description: String
    }

    private static let loaded: Result<MQTTLibrary, Missing> = {
        var table = vigil_mosquitto()
        var fault: UnsafePointer<CChar>?
        guard vigil_mosquitto_load(&table, &fault) == 0 else {
            return .failure(Missing(description: fault.map { String(cString: $0) } ?? "libmosquitto.so.1 is missing"))
        }
        guard table.lib_init() == 0 else { return .failure(Missing(description: "libmosquitto could not begin")) }
        return .success(MQTTLibrary(table: table))
    }()

    /// Finds the library; the first call reads it in.
    public init() throws(Missing) { self = try Self.loaded.get() }

    private init(table: vigil_mosquitto) { self.table = table }

    /// The library's words for one of its errors, or the system's for the one behind it.
    func words(for code: CInt, errno number: CInt) -> String {
        // MOSQ_ERR_ERRNO and MOSQ_ERR_EAI.
        if code == 14, number != 0 { return errnoText(number) }
        if code == 15 { return "its name can't be resolved" }
        return table.text(code).map { String(cString: $0) } ?? "error \(code)"
    }
}
