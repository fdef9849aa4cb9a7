import Jobs
import Platform

/// Who asks: whose jobs are made, which are seen, and what may be handed in.
package struct Caller: Sendable {
    /// By which shares of the queue go, and answers that are being taken.
    package let client: String
    /// Whose the caller's jobs are; nil where jobs are nobody's.
    package let owner: String?
    /// Whether the caller sees all jobs, or those of its owner alone.
    package let seesAll: Bool
    /// What it may hand in, where that is bounded.
    package let account: Account?

    /// A caller with an owner.
    package init(client: String, owner: String, seesAll: Bool, account: Account? = nil) {
        self.client = client
        self.owner = owner
        self.seesAll = seesAll
        self.account = account
    }

    /// A caller where jobs are nobody's, and everybody sees all.
    package init(client: String) {
        self.client = client
        owner = nil
        seesAll = true
        account = nil
    }

    /// By which keys of requests are told apart: those of an owner are the same whichever key of the API they come with.
    var ofKeys: String { owner.map { "key \($0)" } ?? client }

    /// Whether the caller sees what is of this owner.
    func sees(_ owner: String?) -> Bool {
        guard !seesAll else { return true }
        guard let own = self.owner, let owner else { return false }
        return owner.hasBytes(of: own)
    }
}
