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
    said = cage_lines(started["invocation"])
    result = {
        "invocation": started["invocation"],
        "serviceResult": os.environ.get("SERVICE_RESULT", ""),
        "exitCode": os.environ.get("EXIT_CODE", ""),
        "exitStatus": os.environ.get("EXIT_STATUS", ""),
        "oomKills": said.pop("oomKills", None),
        "memoryPeak": said.pop("memoryPeak", None),
        "tasksRefused": said.pop("tasksRefused", None),
        "startedAt": started["startedAt"],
        "endedAt": time.time(),
        "cage": said,
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
