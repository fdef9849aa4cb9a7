/// What is seen from one place without a cut.
struct Shot {
    let frames: Int
    let street: Street
    var people: [Person] = []
    var cars: [Car] = []
    var effects: [Effect] = []
    /// What happens, and in which of its frames.
    var event: (kind: SceneEvent, frames: Range<Int>)?

    init(frames: Int, street: Street) { (self.frames, self.street) = (frames, street) }

    /// The picture at a frame, and the colours of its inks.
    func picture(at frame: Int) -> (canvas: Canvas, palette: [Colour]) {
        var canvas = street.canvas
        // Who is nearer stands before who is farther.
        for person in people.sorted(by: { $0.ground < $1.ground }) { person.draw(at: frame, on: &canvas) }
        for car in cars.sorted(by: { $0.ground < $1.ground }) { car.draw(at: frame, on: &canvas) }
        for effect in effects { effect.draw(at: frame, on: &canvas) }
        let flash = effects.reduce(0) { max($0, $1.flash(at: frame)) }
        return (
            canvas, street.palette(at: frame, flash: flash, isLampOut: effects.contains { $0.isLampOut(at: frame) })
        )
    }
}

/// What can be told of one picture: what an image tower learns to see, as CLIP's learned it from captions.
public enum SceneSight: Int, CaseIterable, Sendable {
    case walker, crowd, runner, bent, lying, armsUp, armUp, striking, closeTogether, bag, reaching
    case car, slopingCar, touchingCars, brakeLight, hazardLight, flame, smoke, steam, splinters, flash

    /// Of what is well inside of the picture.
    static func sights(of shot: Shot, at frame: Int) -> Set<SceneSight> {
        var seen: Set<SceneSight> = []
        let middle = 30..<Canvas.width - 30
        let acts = shot.people.compactMap { person in person.act(at: frame).map { (person, $0) } }
            .filter { middle.contains($0.1.x(at: frame)) }
        if acts.count > 2 { seen.insert(.crowd) }
        for (_, act) in acts {
            if act.hasBag { seen.insert(.bag) }
            switch act.pose(at: frame) {
            case .stand, .walk: seen.insert(.walker)
            case .run: seen.insert(.runner)
            case .stoop, .sit: seen.insert(.bent)
            case .strike: seen.insert(.striking)
            case .reach: seen.insert(.reaching)
            case .wave: seen.insert(.armUp)
            case .alarm: seen.insert(.armsUp)
            case .embrace: seen.insert(.closeTogether)
            case .tilted(let eighths): if eighths > 3 { seen.insert(.lying) }
            }
        }
        let cars = shot.cars.compactMap { car in car.act(at: frame) }.filter { middle.contains($0.x(at: frame)) }
        for act in cars {
            seen.insert(.car)
            if act.slope != 0 { seen.insert(.slopingCar) }
            if act.brakes { seen.insert(.brakeLight) }
            if act.blinks { seen.insert(.hazardLight) }
            if cars.contains(where: { 1...2 * Car.half ~= abs($0.x(at: frame) - act.x(at: frame)) }) {
                seen.insert(.touchingCars)
            }
        }
        for effect in shot.effects where effect.frames.contains(frame) {
            switch effect.kind {
            case .explosion:
                seen.insert(.flame)
                if frame - effect.frames.lowerBound > 30 { seen.insert(.smoke) }
            case .steam: seen.insert(.steam)
            case .splinters: seen.insert(.splinters)
            case .lightning, .lampFlicker: break
            }
            if effect.flash(at: frame) > 40 { seen.insert(.flash) }
        }
        return seen
    }
}
