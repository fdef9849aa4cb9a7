"""Reads a dashboard by Grafana's own model of dashboards and panels, and tells what of it that does not know."""

import json
import sys

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard


def lost(given, read, place=""):
    """The places of what was given and is not in what was read."""
    if isinstance(given, dict):
        for key, value in given.items():
            if isinstance(read, dict) and key in read:
                yield from lost(value, read[key], f"{place}/{key}")
            elif value not in (None, [], {}):
                yield f"{place}/{key}"
    elif isinstance(given, list):
        if len(given) != len(read):
            yield place
        for number, pair in enumerate(zip(given, read, strict=False)):
            yield from lost(*pair, f"{place}/{number}")
    elif given != read:
        yield place


def overlaps(panels):
    """Pairs of panels that lie on each other, and panels beyond the grid's 24 columns."""
    taken = {}
    for panel in panels:
        grid = panel["gridPos"]
        if grid["x"] + grid["w"] > 24:
            yield f"{panel['title']}: too wide"
        for column in range(grid["x"], grid["x"] + grid["w"]):
            for row in range(grid["y"], grid["y"] + grid["h"]):
                if (other := taken.setdefault((column, row), panel)) is not panel:
                    yield f"{panel['title']} and {other['title']}"


with open(sys.argv[1]) as file:
    given = json.load(file)
plugins.register_default_plugins()
read = json.loads(JSONEncoder().encode(dashboard.Dashboard.from_json(given)))
faults = [f"not in Grafana's model: {place}" for place in lost(given, read)]
faults += [f"on each other: {pair}" for pair in sorted(set(overlaps(given["panels"])))]
ids = [panel["id"] for panel in given["panels"]]
faults += [] if len(set(ids)) == len(ids) else ["two panels have one id"]
sys.exit("\n".join(faults) or 0)
