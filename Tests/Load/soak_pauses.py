"""How long the clients of soak.sh were held up by their own machine, so that a server is not blamed for it."""

import threading
import time

BEAT = 0.05
LEAST = 0.25  # more than the threads of this process do to each other


class Pauses:
    """A thread that sleeps for short times and notes when it was woken late."""

    def __init__(self):
        self.noted = []  # (end, seconds)
        self.woken = time.monotonic()
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        while True:
            time.sleep(BEAT)
            now = time.monotonic()
            if now - self.woken - BEAT > LEAST:
                self.noted.append((now, now - self.woken - BEAT))
            self.woken = now

    def since(self, begun):
        """Seconds of pauses from then till now, with one that has not ended yet."""
        now = time.monotonic()
        current = now - max(self.woken + BEAT, begun)
        ended = sum(min(seconds, end - begun) for end, seconds in list(self.noted) if end > begun)
        return ended + (current if current > LEAST else 0)

    @property
    def longest(self):
        return max((seconds for _, seconds in list(self.noted)), default=0)
