import Platform

/// What `vigil config check` finds.
extension Settings {
    /// All that is wrong with a file by itself, key by key; none where it can be used.
    static func faults(ofFile path: String) -> [Failure] {
        if let reason = InputFile.fault(path) { return [Failure(.noInput, "\(path): \(reason)")] }
        guard let settings = try? Settings(.serve, environment: [:]) else { return [] }
        var faults: [Failure] = []
        do throws(Failure) {
            for member in try members(of: path) where member.name != "$schema" {
                let place = member.place(in: path)
                do throws(Failure) {
                    let setting = try settings.key(member, place)
                    let value: SettingValue?
                    do { value = try setting.value(of: member.value) } catch {
                        throw wrong(setting, .file(place), error)
                    }
                    guard case .path(.input) = setting.kind, case .text(let file) = value else { continue }
                    guard let reason = InputFile.fault(file) else { continue }
                    faults.append(Failure(.noInput, "\(label(setting, .file(place))): \(file): \(reason)"))
                } catch { faults.append(error) }
            }
        } catch { faults.append(error) }
        return faults
    }
}
