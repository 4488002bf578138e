"""Calls of systemctl, as root; callers have checked every name."""

import contextlib
import os
import subprocess

# Emptied by a reboot; what is here is written again at a job's next start.
DROPINS = "/run/systemd/system"


def systemctl(*arguments):
    return subprocess.run(["/usr/bin/systemctl", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=240)


def dropin(unit):
    """The path of our settings of one unit."""
    return "%s/%s.d/terms.conf" % (DROPINS, unit)


def write_dropin(unit, text):
    """Whole or not at all; seen by systemd from the next daemon-reload on."""
    path = dropin(unit)
    os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


def remove_dropin(unit):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(dropin(unit))
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(os.path.dirname(dropin(unit)))
