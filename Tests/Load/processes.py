"""What processes have had of the cores."""

import os

TICK = os.sysconf("SC_CLK_TCK")


def times():
    """Of all processes by number: the seconds of cores that they have had, those that their ended children had, and their parents."""
    seconds, parents = {}, {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(name)] = int(fields[1])
        seconds[int(name)] = (int(fields[11]) + int(fields[12])) / TICK, (int(fields[13]) + int(fields[14])) / TICK
    return seconds, parents
