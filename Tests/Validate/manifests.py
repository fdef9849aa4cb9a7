"""What the checks of manifests have in common: faults that are gathered, and fields that KEDA's models do not know."""

faults = []


def expect(holds, what):
    if not holds:
        faults.append(what)


def known(given, read, path):
    """Each field that is there has been read by the model: it passes over those that it does not know."""
    if isinstance(given, dict):
        for name, value in given.items():
            expect(isinstance(read, dict) and name in read, f"{path}.{name} is no field of KEDA's")
            known(value, read.get(name) if isinstance(read, dict) else None, f"{path}.{name}")
    elif isinstance(given, list):
        for index, value in enumerate(given):
            known(value, read[index] if isinstance(read, list) else None, f"{path}[{index}]")
