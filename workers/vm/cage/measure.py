"""What root knows of a job's cage before it starts: digests of what makes it, and what the cage must be apart from."""

import hashlib
import os

CAGE = "/opt/edge-train/cage"


def host():
    """The machine's own namespaces: the launcher is in them. Its network and mounts are its own, and checked otherwise."""
    return {"namespaces": {name: os.readlink("/proc/self/ns/%s" % name) for name in ("ipc", "user")}}


def measured(unit, systemctl):
    """SHA-256 by path: the unit and its drop-ins as systemd reads them, and each helper. What is on disk and not yet read by systemd is read first, or it would be measured in vain."""
    shown = properties(unit, systemctl)
    if shown.get("NeedDaemonReload") == "yes":
        systemctl("daemon-reload")
        shown = properties(unit, systemctl)
    helpers = ["%s/%s" % (CAGE, name) for name in sorted(os.listdir(CAGE)) if name.endswith(".py")]
    paths = [shown.get("FragmentPath", "")] + shown.get("DropInPaths", "").split() + helpers
    return {path: digest(path) for path in paths if path}


def properties(unit, systemctl):
    lines = systemctl("show", "-p", "FragmentPath", "-p", "DropInPaths", "-p", "NeedDaemonReload", unit).stdout.splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()
