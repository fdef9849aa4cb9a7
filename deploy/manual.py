#!/usr/bin/env python3
"""Writes vigil(1) of what the program says of itself: `vigil --experimental-dump-help | manual.py VERSION >vigil.1`."""

import json
import sys


def escaped(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in ".'" else line for line in text.splitlines())


def shown(argument):
    """How an argument is written: its names, and what stands for its value."""
    names = [("-" if name["kind"] == "short" else "--") + name["name"] for name in argument.get("names", [])]
    value = escaped(argument.get("valueName", ""))
    if argument["kind"] == "positional":
        return f"\\fI{value}\\fR" + (" ..." if argument["isRepeating"] else "")
    text = ", ".join(f"\\fB{escaped(name)}\\fR" for name in names)
    return text if argument["kind"] == "flag" else f"{text} \\fI{value}\\fR"


def explained(argument):
    parts = [argument.get("abstract", ""), argument.get("discussion", "")]
    if (standard := argument.get("defaultValue")) and "default:" not in parts[0]:
        parts.append(f"(default: {standard})")
    if values := argument.get("allValues"):
        parts.append(f"One of {', '.join(values)}.")
    return escaped(" ".join(part for part in parts if part))


def arguments(command, lines):
    """The arguments of a command, under the titles of their groups."""
    title = None
    for argument in command.get("arguments", []):
        if not argument["shouldDisplay"] or argument.get("names", [{}])[0].get("name") in ("help", "version", "h"):
            continue
        if (section := argument.get("sectionTitle")) != title:
            title = section
            if section:
                lines += [".PP", escaped(section) + ":"]
        lines += [".TP", shown(argument), explained(argument)]


def commands(command, path, lines):
    names = [*path, command["commandName"]]
    inner = [one for one in command.get("subcommands", []) if one["commandName"] != "help"]
    if path and not inner:
        lines += [f".SS {escaped(' '.join(names))}", escaped(command.get("abstract", ""))]
        if text := command.get("discussion"):
            lines += [".PP", escaped(text)]
        arguments(command, lines)
    for one in inner:
        commands(one, names, lines)


def main():
    root = json.load(sys.stdin)["command"]
    version = sys.argv[1]
    lines = [
        f'.TH VIGIL 1 "" "vigil {version}" "User Commands"',
        ".SH NAME",
        "vigil \\- video anomaly detection with VadCLIP",
        ".SH SYNOPSIS",
        "\\fBvigil\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR ...] [\\fIFILE\\fR ...]",
        ".SH DESCRIPTION",
        escaped(root["abstract"]),
        ".PP",
        escaped(root["discussion"]),
        ".SH COMMANDS",
    ]
    commands(root, [], lines)
    lines += [
        ".SH FILES",
        ".TP", "\\fI/etc/vigil/vigil.json\\fR", "The settings of the service, as the Debian package installs it.",
        ".TP", "\\fI/etc/default/vigil\\fR", "Variables of its environment, which come before that file.",
        ".TP", "\\fI/var/lib/vigil\\fR", "The jobs of the service.",
    ]
    print("\n".join(line for line in lines if line))


main()
