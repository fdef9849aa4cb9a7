import Frames

/// Formats of planes that are made R G B here, as ffmpeg calls them.
enum PlaneFormat: String {
    case studio = "yuv420p"
    case full = "yuvj420p"
}

extension VideoLog {
    /// What a frame's planes are.
    struct Planes: Equatable, Sendable {
        let format: PlaneFormat
        let coding: PlanarColours.Coding

        /// Of what is told of a frame's colours, as `color_range:tv color_space:bt709 …`; nil where it is of others than are known here.
        ///
        /// What says nothing of its range is of its format's, and without a matrix it is of BT.601.
        init?(_ format: PlaneFormat, colours text: Substring) {
            let isFull: Bool
            switch VideoLog.value("color_range:", in: text) {
            case "unknown"?: isFull = format == .full
            case "pc"?: isFull = true
            case "tv"? where format == .studio: isFull = false
            default: return nil
            }
            switch VideoLog.value(" color_space:", in: text) {
            case "bt709"?: coding = PlanarColours.Coding(isFull: isFull, matrix: .bt709)
            case "unknown"?, "bt470bg"?, "smpte170m"?: coding = PlanarColours.Coding(isFull: isFull, matrix: .bt601)
            default: return nil
            }
            self.format = format
        }
    }
}
