/// Makes up what goes on in a shot: people and cars on their ways, what only looks bad, and an event.
struct Director {
    private var shot: Shot
    private var random: SceneRandom

    /// What looks a little like an event and is none.
    private enum Harmless: CaseIterable {
        case jogger, crowd, stooping, sitting, waving, embrace, braking, parked, steam, lightning, lampFlicker, bags
    }

    /// A shot of so many frames.
    ///
    /// - Parameter event: what happens, from which frame on and how long; it may end behind the shot
    static func shot(frames: Int, event: (kind: SceneEvent, start: Int, length: Int)?, _ random: inout SceneRandom)
        -> Shot
    {
        var director = Director(frames: frames, &random)
        if let event { director.play(event.kind, event.start, event.length) }
        director.fill()
        random = director.random
        return director.shot
    }

    private init(frames: Int, _ random: inout SceneRandom) {
        let street = Street(&random)
        shot = Shot(frames: frames, street: street)
        self.random = random
    }

    private var isQuiet: Bool { shot.event == nil }

    private mutating func fill() {
        for _ in 0..<random.integer(0...2) { shot.people.append(walker()) }
        if shot.event?.kind != .collision {
            for _ in 0..<random.integer(0...2) { shot.cars.append(passing(random.side())) }
        }
        var all = Harmless.allCases
        random.shuffle(&all)
        for harmless in all.prefix(random.integer(isQuiet ? 1...3 : 0...1)) { play(harmless) }
    }

    /// Somebody who goes from one side to the other, or is in the middle of it at the beginning.
    private mutating func walker(hasBag: Bool? = nil, pose: Pose = .walk) -> Person {
        var person = Person(&random)
        let facing = random.side()
        let hundredths = pose == .run ? random.integer(95...150) : random.integer(38...70)
        let path = Canvas.width + 40
        let frames = path * 100 / hundredths
        let start = random.integer(-frames * 3 / 4...max(shot.frames - 60, 1))
        let (from, to) = facing > 0 ? (-20, Canvas.width + 20) : (Canvas.width + 20, -20)
        let carries = hasBag ?? random.happens(18)
        person.acts = [
            .init(frames: start..<start + frames, pose: pose, from: from, to: to, facing: facing, hasBag: carries)
        ]
        return person
    }

    private mutating func passing(_ facing: Int) -> Car {
        var car = Car(
            facing: facing, ground: facing > 0 ? random.integer(114...117) : random.integer(105...108), &random)
        let frames = (Canvas.width + 60) * 100 / random.integer(110...220)
        let start = random.integer(-frames / 2...max(shot.frames - 40, 1))
        let (from, to) = facing > 0 ? (-30, Canvas.width + 30) : (Canvas.width + 30, -30)
        car.acts = [.init(frames: start..<start + frames, from: from, to: to)]
        return car
    }

    /// Somebody who comes walking to a place, does something there, and goes on.
    private mutating func visitor(
        at x: Int, facing: Int, from start: Int, _ length: Int, _ pose: Pose, hasBag: Bool = false,
        keepsBag: Bool = true,
        comes: Pose = .walk, goes: Pose = .walk, leaves: Int? = nil
    ) -> Person {
        var person = Person(&random)
        let steps = { (pose: Pose) in pose == .run ? 120 : 55 }
        let way = Canvas.width
        let (coming, going) = (way * 100 / steps(comes), way * 100 / steps(goes))
        let away = leaves ?? facing
        person.acts = [
            .init(
                frames: start - coming..<start, pose: comes, from: x - facing * way, to: x, facing: facing,
                hasBag: hasBag),
            .init(
                frames: start..<start + length, pose: pose, from: x, to: x, facing: facing, hasBag: hasBag && keepsBag),
            .init(
                frames: start + length..<start + length + going, pose: goes, from: x, to: x + away * way, facing: away,
                hasBag: hasBag && keepsBag),
        ]
        return person
    }

    private mutating func play(_ harmless: Harmless) {
        let length = random.integer(60...200)
        let start = random.integer(0...max(shot.frames - 60, 1))
        let x = random.integer(44...116)
        switch harmless {
        case .jogger: for _ in 0..<random.integer(1...2) { shot.people.append(walker(hasBag: false, pose: .run)) }
        case .crowd: for _ in 0..<random.integer(2...4) { shot.people.append(walker()) }
        case .stooping: shot.people.append(visitor(at: x, facing: random.side(), from: start, length / 2, .stoop))
        case .sitting: shot.people.append(visitor(at: x, facing: random.side(), from: start, length, .sit))
        case .waving: shot.people.append(visitor(at: x, facing: random.side(), from: start, length / 2, .wave))
        case .embrace:
            var (a, b) = (
                visitor(at: x - 8, facing: 1, from: start, length, .embrace),
                visitor(at: x + 8, facing: -1, from: start, length, .embrace)
            )
            (a, b) = Self.onOneGround(a, b)
            shot.people += [a, b]
        case .bags: for _ in 0..<2 { shot.people.append(walker(hasBag: true, pose: random.happens(30) ? .run : .walk)) }
        case .braking:
            guard shot.event?.kind != .collision else { return }
            var car = passing(random.side())
            let (from, stop) = (x - car.facing * 160, x)
            car.acts = [
                .init(frames: start - 100..<start - 20, from: from, to: stop - car.facing * 12),
                .init(frames: start - 20..<start, from: stop - car.facing * 12, to: stop, brakes: true),
                .init(frames: start..<start + length, from: stop, to: stop, brakes: true, blinks: random.happens(40)),
                .init(frames: start + length..<start + length + 120, from: stop, to: stop + car.facing * 180),
            ]
            shot.cars.append(car)
        case .parked:
            guard shot.event?.kind != .collision else { return }
            let facing = random.side()
            for place in [x - 31, x + 31] {
                var car = Car(facing: facing, ground: facing > 0 ? 116 : 106, &random)
                car.acts = [.init(frames: 0..<shot.frames, from: place, to: place)]
                shot.cars.append(car)
            }
        case .steam:
            shot.effects.append(
                Effect(
                    kind: .steam, frames: start..<start + length, place: Point(x, random.integer(88...100)), seed: start
                ))
        case .lightning:
            shot.effects.append(Effect(kind: .lightning, frames: start..<start + 21, place: Point(0, 0), seed: start))
        case .lampFlicker:
            shot.effects.append(
                Effect(kind: .lampFlicker, frames: start..<start + length, place: Point(0, 0), seed: start))
        }
    }

    private static func onOneGround(_ a: Person, _ b: Person) -> (Person, Person) { (a, b.standing(at: a.ground)) }

    private mutating func play(_ kind: SceneEvent, _ start: Int, _ length: Int) {
        let end = start + length
        let x = random.integer(52...108)
        let facing = random.side()
        shot.event = (kind, max(start, 0)..<min(end, shot.frames))
        switch kind {
        case .fight:
            let apart = random.integer(12...15)
            let (a, b) = Self.onOneGround(
                visitor(at: x - apart, facing: 1, from: start, length, .strike, goes: .run, leaves: random.side()),
                visitor(at: x + apart, facing: -1, from: start, length, .strike, goes: .walk, leaves: random.side()))
            shot.people += [a, b]
        case .collision: collide(x, start, end)
        case .explosion:
            shot.effects.append(
                Effect(
                    kind: .explosion, frames: start..<end, place: Point(x, random.integer(72...96)), seed: start & 1_023
                ))
        case .fall:
            var person = Person(&random)
            let (down, rise) = (14, 24)
            let coming = 300
            person.acts = [
                .init(frames: start - coming..<start, pose: .walk, from: x - facing * 160, to: x, facing: facing),
                .init(frames: start..<start + down, pose: .stand, from: x, to: x, facing: facing, tilt: (0, 8)),
                .init(frames: start + down..<end - rise, pose: .tilted(8), from: x, to: x, facing: facing),
                .init(frames: end - rise..<end, pose: .stand, from: x, to: x, facing: facing, tilt: (8, 0)),
                .init(frames: end..<end + coming, pose: .walk, from: x, to: x + facing * 160, facing: facing),
            ]
            shot.people.append(person)
        case .theft:
            let grab = min(24, length / 3)
            let (victim, thief) = Self.onOneGround(
                visitor(at: x, facing: facing, from: start, length, .alarm, hasBag: true, keepsBag: false),
                snatcher(at: x - facing * 18, facing: facing, from: start, grab))
            shot.people += [victim, thief.carrying(victim.bag)]
        }
    }

    /// Somebody who comes running, takes hold of a bag, and runs on with it.
    private mutating func snatcher(at x: Int, facing: Int, from start: Int, _ grab: Int) -> Person {
        var person = Person(&random)
        let way = Canvas.width
        person.acts = [
            .init(frames: start - 120..<start, pose: .run, from: x - facing * way, to: x, facing: facing),
            .init(
                frames: start..<start + grab, pose: .reach, from: x, to: x + facing * 4, facing: facing, hasBag: true),
            .init(
                frames: start + grab..<start + grab + 110, pose: .run, from: x + facing * 4, to: x + facing * way,
                facing: facing, hasBag: true),
        ]
        return person
    }

    private mutating func collide(_ x: Int, _ start: Int, _ end: Int) {
        let ground = random.integer(108...114)
        for facing in [1, -1] {
            var car = Car(facing: facing, ground: ground, &random)
            let place = x - facing * (Car.half - 3)
            let slope = random.integer(2...4) * random.side()
            car.acts = [
                .init(frames: start - 90..<start, from: place - facing * 160, to: place),
                .init(frames: start..<end, from: place, to: place, slope: slope, blinks: true),
                .init(frames: end..<end + 150, from: place, to: place - facing * 180),
            ]
            shot.cars.append(car)
        }
        shot.effects.append(
            Effect(kind: .splinters, frames: start..<end, place: Point(x, ground - 8), seed: start & 1_023))
        shot.effects.append(
            Effect(kind: .steam, frames: start..<end, place: Point(x, ground - 14), seed: start & 1_023))
    }
}

extension Person {
    /// The same person with other feet.
    fileprivate func standing(at ground: Int) -> Person { Person(self, ground: ground, bag: bag) }

    /// The same person with another bag.
    fileprivate func carrying(_ bag: Ink) -> Person { Person(self, ground: ground, bag: bag) }
}
