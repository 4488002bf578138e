"""Says how often the kernel killed for memory in this job's control group (ExecStopPost, as the job, before `record.py`).

Root's own commands see neither /proc nor /sys in the job's view, and the helper may itself be what was killed. On control
groups v1 systemd reports no oom-kill, so the unit's counter is the only witness.
"""

import json
import os


def main():
    entry = {"oomKills": oom_kills(), "invocation": os.environ.get("INVOCATION_ID", "")}
    os.write(2, (json.dumps(entry) + "\n").encode())


def oom_kills():
    for line in read("/proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        # On v2 a control command runs in the group below the unit's own.
        unit = path[: -len("/.control")] if path.endswith("/.control") else path
        if "memory" in controllers.split(","):
            counter = read("/sys/fs/cgroup/memory%s/memory.oom_control" % unit)
        elif number == "0" and not controllers:
            counter = read("/sys/fs/cgroup%s/memory.events" % unit)
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


if __name__ == "__main__":
    main()
