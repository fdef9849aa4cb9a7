import CLIP
import Tensors

extension ImageTower: FrameEncoder {
    /// Memory for so many squares, of the one thread that asks.
    public func scratch(images: Int) -> ImageScratch { ImageScratch(for: self, images: images) }
}
