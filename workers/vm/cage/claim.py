"""Claims one start of a job (ExecStartPre, as root in the job's view): the O_EXCL file is what makes it exactly once.

systemd merges overlapping start requests only; a second start of a job that ran, by whoever, fails here.
Argument: the machine's boot id as systemd has it (%b).
"""

import json
import os
import sys
import time

STATE = "/job/state"


def main():
    mark = {
        "invocation": os.environ.get("INVOCATION_ID", ""),
        "kernelBootId": sys.argv[1],
        "startedAt": time.time(),
    }
    try:
        fd = os.open(STATE + "/started.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        print("this job was started before: %s/started.json exists" % STATE, file=sys.stderr)
        return 1
    with os.fdopen(fd, "w") as file:
        json.dump(mark, file)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(STATE + "/started.json", 0o644)
    sync_folder(STATE)
    return 0


def sync_folder(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


if __name__ == "__main__":
    sys.exit(main())
