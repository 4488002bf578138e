"""Says what this job's control group counted (ExecStopPost, as the job, before `record.py`): how often the kernel killed for
memory, the most memory that was held, and how often a process or thread was refused.

Root's own commands see neither /proc nor /sys in the job's view, and the helper may itself be what was killed. On control
groups v1 systemd reports no oom-kill, so the unit's counter is the only witness.
"""

import json
import os

V2 = ""


def main():
    groups = control_groups()
    entry = {
        "oomKills": counted(groups, "memory", "oom_kill", v1="memory.oom_control", v2="memory.events"),
        "memoryPeak": number(groups, "memory", v1="memory.max_usage_in_bytes", v2="memory.peak"),
        "tasksRefused": counted(groups, "pids", "max", v1="pids.events", v2="pids.events"),
        "invocation": os.environ.get("INVOCATION_ID", ""),
    }
    os.write(2, (json.dumps(entry) + "\n").encode())


def control_groups():
    """The unit's folder below /sys/fs/cgroup by controller; under V2 the one folder of all."""
    found = {}
    for line in read("/proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        # On v2 a control command runs in the group below the unit's own.
        unit = path[: -len("/.control")] if path.endswith("/.control") else path
        if number == "0" and not controllers:
            found[V2] = "/sys/fs/cgroup" + unit
        for controller in filter(None, controllers.split(",")):
            found[controller] = "/sys/fs/cgroup/%s%s" % (controller, unit)
    return found


def counted(groups, controller, name, v1, v2):
    """A named counter of a file of `name number` lines; None where there is none."""
    for entry in read(file_of(groups, controller, v1, v2)).splitlines():
        if entry.startswith(name + " "):
            return int(entry.split()[1])
    return None


def number(groups, controller, v1, v2):
    text = read(file_of(groups, controller, v1, v2)).strip()
    return int(text) if text.isdigit() else None


def file_of(groups, controller, v1, v2):
    """On a machine with both hierarchies a controller belongs to one of them."""
    if controller in groups:
        return groups[controller] + "/" + v1
    return groups.get(V2, "") + "/" + v2


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


if __name__ == "__main__":
    main()
