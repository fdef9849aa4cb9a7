"""Control groups of our own, where the machine lets them be made."""

import contextlib
import os
import pathlib
import time

ROOT = pathlib.Path("/sys/fs/cgroup")


def own(controller):
    """The group of this process in version 1's hierarchy of that controller; None where there is none."""
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            for name in (controllers, controller):
                if (folder := ROOT / name / path.lstrip("/")).is_dir():
                    return folder
    return None


class Group:
    """A group below this process's own, with a group below it: limits are set on the upper one, processes are in the lower."""

    def __init__(self, controller):
        self.version = 1
        parent = own(controller)
        if parent is None:
            self.version = 2
            parent = ROOT
            if controller not in (ROOT / "cgroup.subtree_control").read_text().split():
                raise OSError(f"no hierarchy of this process has the controller {controller}")
        self.upper = parent / f"vigil-e2e-{os.getpid()}"
        self.lower = self.upper / "inner"
        self.upper.mkdir()
        try:
            if self.version == 2:
                (self.upper / "cgroup.subtree_control").write_text(f"+{controller}")
            self.lower.mkdir()
        except OSError:
            self.upper.rmdir()
            raise

    def quota(self, processors):
        if self.version == 1:
            (self.upper / "cpu.cfs_period_us").write_text("100000")
            (self.upper / "cpu.cfs_quota_us").write_text(str(int(processors * 100_000)))
        else:
            (self.upper / "cpu.max").write_text(f"{int(processors * 100_000)} 100000")

    def memory(self, count):
        (self.upper / ("memory.limit_in_bytes" if self.version == 1 else "memory.max")).write_text(str(count))

    def kills(self):
        """How often a process was ended for want of memory."""
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        found = dict(line.split() for line in (self.lower / name).read_text().splitlines())
        return int(found.get("oom_kill", 0))

    def program(self, folder, program):
        """A program that runs `program` in the group."""
        path = folder / "in-group"
        path.write_text(f'#!/bin/sh\necho $$ >"{self.lower}/cgroup.procs" || exit 99\nexec "{program}" "$@"\n')
        path.chmod(0o755)
        return str(path)

    def remove(self):
        for folder in (self.lower, self.upper):
            for _ in range(100):
                with contextlib.suppress(OSError):
                    folder.rmdir()
                    break
                time.sleep(0.05)


@contextlib.contextmanager
def group(controller):
    made = None
    try:
        made = Group(controller)
        yield made
    finally:
        if made:
            made.remove()
