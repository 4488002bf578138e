"""Records how a start ended (ExecStopPost, as root in the job's view). systemd forgets; this file is the truth.

Only the start that holds the claim is recorded, once: a later start that `claim.py` refused must not overwrite it.
"""

import json
import os
import sys
import time

STATE = "/job/state"


def main():
    try:
        with open(STATE + "/started.json") as file:
            started = json.load(file)
    except (FileNotFoundError, ValueError):
        return 0
    if started.get("invocation") != os.environ.get("INVOCATION_ID", ""):
        return 0
    result = {
        "invocation": started["invocation"],
        "serviceResult": os.environ.get("SERVICE_RESULT", ""),
        "exitCode": os.environ.get("EXIT_CODE", ""),
        "exitStatus": os.environ.get("EXIT_STATUS", ""),
        "oomKills": oom_kills(),
        "startedAt": started["startedAt"],
        "endedAt": time.time(),
        "cage": cage_lines(started["invocation"]),
    }
    publish(STATE + "/result.json", result)
    return 0


def cage_lines(invocation):
    """What the helper said of this start. Only the helper can write that file; the script never holds it."""
    said = {}
    try:
        with open(STATE + "/cage.jsonl", errors="replace") as file:
            for line in file:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if isinstance(entry, dict) and entry.get("invocation") == invocation:
                    said.update(entry)
    except FileNotFoundError:
        pass
    said.pop("invocation", None)
    return said


def oom_kills():
    """The unit's own counter, cgroup v2 or v1; None where it cannot be read. On v1 systemd does not report oom-kill."""
    for line in read("/proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        # On v2 this command runs in the control group below the unit's own.
        unit = path[: -len("/.control")] if path.endswith("/.control") else path
        if number == "0" and not controllers:
            counter = read("/sys/fs/cgroup%s/memory.events" % unit)
        elif "memory" in controllers.split(","):
            counter = read("/sys/fs/cgroup/memory%s/memory.oom_control" % unit)
        else:
            continue
        for entry in counter.splitlines():
            if entry.startswith("oom_kill "):
                return int(entry.split()[1])
    return None


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def publish(path, value):
    """Whole or not at all, on disk before it is seen, and never over a result that is there."""
    new = path + ".new"
    with open(new, "w") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(new, 0o644)
    try:
        os.link(new, path)
    except FileExistsError:
        pass
    os.unlink(new)
    fd = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


if __name__ == "__main__":
    sys.exit(main())
