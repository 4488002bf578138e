"""What the launcher does to jobs: folders, limits, starts and ends. Runs as root; callers have checked every name.

/var/lib/edge-train/jobs/JOB is root's, so that the worker cannot swap what the unit binds. Below it: spec, source, inputs
(contents the worker's), work, outputs, scratch (shared with the job by group), logs and state (root's); where the script may
log with MLflow, also tracking (its server's, shared by group) and relay (root's: the server's socket).
"""

import contextlib
import os
import shutil
import time

import images
import stock
import tracking as mlflow
from measure import host, measured
from root_files import ensure, lock, lock_path, own, read, write
from units import dropin, remove_dropin, systemctl
from units import write_dropin as write_unit

HOME = "/var/lib/edge-train"
JOBS = HOME + "/jobs"
MAX_STARTS = 3
MAX_TASKS = 4096
MIB = 1 << 20


class Refused(Exception):
    def __init__(self, type, message):
        super().__init__(message)
        self.type = type


def environment(digest):
    """A folder for the worker to build an environment in; its parent is root's, so a job's bind source stays itself."""
    path = HOME + "/environments/" + digest
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o755)
    own(path, "edge-train", "edge-train", 0o755)
    stock.touch(digest)
    if not os.path.exists(path + "/ready.json"):
        stock.prune(keep=digest)
    return {"path": path}


def create(job, limits, environment=None, image=None, tracking=None):
    """
    Either in an environment on the VM's own programs, or in the tree of an image. `tracking` is the environment of the job's
    MLflow server, where it is to have one: it begins to start at once.
    """
    named = {"image": image} if environment is None else {"environment": environment}
    terms = dict(named, limits=checked_limits(limits), tracking=tracking)
    for digest in filter(None, (image or environment, tracking)):
        stock.touch(digest)
    place = images.tree_of(image) if environment is None else "%s/environments/%s" % (HOME, environment)
    if not os.path.isdir(place):
        raise Refused("InvalidRequest", "there is no %s %s" % next(iter(named.items())))
    if tracking and not os.path.isdir("%s/environments/%s" % (HOME, tracking)):
        raise Refused("InvalidRequest", "there is no environment %s" % tracking)
    with lock(job):
        path = folder(job)
        if os.path.exists(path + "/state/started.json") or os.path.exists(path + "/state/attempts.json"):
            return dict(status_of(job), path=path)
        if read(path + "/terms.json") == terms and has_dropin(job):
            return dict(status_of(job), path=path)
        make_folders(path)
        write(path + "/terms.json", terms)
        write(path + "/state/terms.json", terms)
        write_dropin(job, terms)
        if tracking:
            mlflow.begin(job)
        return dict(status_of(job), path=path)


def make_folders(path):
    ensure(path, "root", "edge-train", 0o750)
    for name in ("spec", "source", "inputs"):
        ensure("%s/%s" % (path, name), "edge-train", "edge-train", 0o755)
    for name in ("work", "outputs", "scratch"):
        ensure("%s/%s" % (path, name), "edge-train", "edge-train-job", 0o2770)
    for name in ("logs", "state"):
        ensure("%s/%s" % (path, name), "root", "root", 0o755)
    # systemd would make it with the job's own umask, and the worker copies it to the site.
    log = os.open(path + "/logs/job.log", os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    os.fchmod(log, 0o644)
    os.close(log)


def checked_limits(limits):
    policy = read("/etc/edge-train/policy.json")
    names = {"memoryBytes": 64 * MIB, "tasks": 16, "seconds": 1, "logBytes": 1, "sharedMemoryBytes": 0}
    if not isinstance(limits, dict) or set(limits) != set(names):
        raise Refused("InvalidRequest", "limits are %s" % ", ".join(sorted(names)))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    ceiling = {
        "memoryBytes": memory,
        "tasks": MAX_TASKS,
        "seconds": policy["maxSeconds"],
        "logBytes": policy["maxLogBytes"],
        "sharedMemoryBytes": memory,
    }
    for name, least in names.items():
        value = limits[name]
        if type(value) is not int or value < least:
            raise Refused("InvalidRequest", "%s must be a whole number of at least %d" % (name, least))
        if value > ceiling[name]:
            raise Refused("PolicyRefused", "%s is %d, and this site allows %d" % (name, value, ceiling[name]))
    return {name: limits[name] for name in names}


def has_dropin(job):
    return os.path.exists(dropin(unit(job)))


def write_dropin(job, terms):
    limits = terms["limits"]
    write_unit(
        unit(job),
        "[Service]\n"
        "MemoryMax=%d\nTasksMax=%d\nRuntimeMaxSec=%d\n"
        "TemporaryFileSystem=\n"
        "TemporaryFileSystem=/dev/shm:mode=1777,size=%d,noexec,nodev,nosuid\n"
        % (
            limits["memoryBytes"],
            limits["tasks"],
            limits["seconds"],
            max(limits["sharedMemoryBytes"], 64 * MIB),
        )
        + "".join(line + "\n" for line in images.view(terms)),
    )
    if terms.get("tracking"):
        mlflow.make(job, folder(job), terms["tracking"])
    systemctl("daemon-reload")


def start(job):
    """Starts a job that has not run, or was interrupted fewer than 3 times; otherwise says how it stands."""
    with lock(job):
        standing = settled(job)
        if standing["state"] == "interrupted" and standing["starts"] < MAX_STARTS:
            keep_attempt(job)
        elif standing["state"] != "created":
            return standing
        terms = read(folder(job) + "/terms.json")
        if not has_dropin(job):
            write_dropin(job, terms)  # /run was emptied by a reboot
        if terms.get("tracking"):
            mlflow.begin(job)
        write(folder(job) + "/state/host.json", host())
        write(folder(job) + "/state/files.json", measured(unit(job), systemctl))
        systemctl("reset-failed", unit(job))
        begun = systemctl("start", unit(job))
        standing = status_of(job)
        if standing["state"] == "created":
            # Before the claim, so nothing ran: a folder to bind is missing, or this systemd cannot make the cage.
            raise Refused("StartFailed", "systemd could not start %s (%s)" % (unit(job), why(job, begun)))
        return standing


def stop(job, reason):
    """Marks the stop first, so that the end is not taken for an interruption. Absent or ended is fine."""
    if not os.path.isdir(folder(job)):
        return {"state": "absent", "starts": 0}
    with lock(job):
        mark = folder(job) + "/state/stop.json"
        if status_of(job)["state"] in ("created", "running", "interrupted") and not os.path.exists(mark):
            write(mark, {"reason": reason, "at": time.time()})
    systemctl("stop", unit(job))
    mlflow.end(job)
    return status(job)


def status(job):
    if not os.path.isdir(folder(job)):
        return {"state": "absent", "starts": 0}
    with lock(job):
        return settled(job)


def settled(job):
    """How it stands; where it has ended, nobody is left to log."""
    standing = status_of(job)
    if standing["state"] == "ended":
        mlflow.end(job)
    return standing


def remove(job):
    """Removes all that a job has; one that runs is refused. Absent is fine."""
    if os.path.isdir(folder(job)):
        with lock(job):
            if active(job):
                raise Refused("JobRuns", "%s runs; stop it first" % unit(job))
            mlflow.forget(job)
            # Safe against symlinks that the worker or the job left: Python's rmtree works by descriptors here.
            shutil.rmtree(folder(job))
    remove_dropin(unit(job))
    with contextlib.suppress(FileNotFoundError):
        os.unlink(lock_path(job))
    systemctl("reset-failed", unit(job))
    return {"state": "absent", "starts": 0}


def status_of(job):
    state = folder(job) + "/state"
    if not os.path.isdir(state):
        return {"state": "absent", "starts": 0}
    running = active(job)
    started, result = read(state + "/started.json"), read(state + "/result.json")
    stopped = read(state + "/stop.json")
    starts = len(read(state + "/attempts.json") or []) + (1 if started else 0)
    answer = {"starts": starts, "stop": stopped["reason"] if stopped else None, "startedAt": None, "result": result}
    answer["files"] = read(state + "/files.json")
    if started:
        answer["startedAt"] = started["startedAt"]
    if running:
        return dict(answer, state="running", result=None)
    if stopped and not result:
        return dict(answer, state="ended")
    if not started:
        return dict(answer, state="interrupted" if starts else "created")
    return dict(answer, state="interrupted" if interrupted(result, stopped) else "ended")


def interrupted(result, stopped):
    """No result (power cut), or ended by somebody's TERM without our mark (a reboot, systemctl stop)."""
    if result is None:
        return True
    if stopped or result["serviceResult"] != "success":
        return False
    killed = result["exitCode"] in ("killed", "dumped")
    return killed or not ("finished" in result["cage"] or "refused" in result["cage"])


def keep_attempt(job):
    """Order matters: the attempt is counted before the claim is freed, so a crash between them cannot give a fourth."""
    state = folder(job) + "/state"
    started = read(state + "/started.json")
    if started:
        attempts = read(state + "/attempts.json") or []
        if not any(attempt["started"]["invocation"] == started["invocation"] for attempt in attempts):
            write(state + "/attempts.json", attempts + [{"started": started, "result": read(state + "/result.json")}])
    for name in ("result.json", "started.json"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink("%s/%s" % (state, name))


def active(job):
    state = systemctl("show", "-p", "ActiveState", "--value", unit(job)).stdout.strip()
    return state not in ("inactive", "failed")


def why(job, begun):
    shown = systemctl("show", "-p", "Result", "-p", "ExecMainStatus", "-p", "LoadState", unit(job)).stdout.split()
    return "%s; systemctl exit %d; journalctl -u %s says more" % (", ".join(shown), begun.returncode, unit(job))


def unit(job):
    return "edge-train-job@%s.service" % job


def folder(job):
    return "%s/%s" % (JOBS, job)
