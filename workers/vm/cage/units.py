"""Calls of systemctl, as root; callers have checked every name."""

import contextlib
import os
import subprocess

# Emptied by a reboot; what is here is written again at a job's next start.
DROPINS = "/run/systemd/system"
# Outlives a reboot.
PERSISTENT = "/etc/systemd/system"


def systemctl(*arguments):
    return subprocess.run(["/usr/bin/systemctl", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=240)


def dropin(unit, place=DROPINS):
    """The path of our settings of one unit."""
    return "%s/%s.d/terms.conf" % (place, unit)


def write_dropin(unit, text, place=DROPINS):
    """Whole or not at all; seen by systemd from the next daemon-reload on."""
    path = dropin(unit, place)
    os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
    with open(path + ".new", "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.rename(path + ".new", path)


def remove_dropin(unit, place=DROPINS):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(dropin(unit, place))
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(os.path.dirname(dropin(unit, place)))
