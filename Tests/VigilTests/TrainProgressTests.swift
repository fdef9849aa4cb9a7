import Testing

@testable import vigil

@Suite("What a training tells as it goes on")
struct TrainProgressTests {
    @Test(
        "a run says where it goes on, and that it is done where it is",
        arguments: [
            (0, ""), (1, "; goes on in epoch 1 after step 1"), (4, "; goes on in epoch 2 after step 0"),
            (11, "; goes on in epoch 3 after step 3"), (12, "; all of them are done"),
        ])
    func place(done: Int, text: String) {
        #expect(TrainProgress.place(done: done, stepsPerEpoch: 4, epochs: 3) == text)
    }
}
