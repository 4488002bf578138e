"""Folders, files and locks of jobs, as root. Every path that comes here stands below a folder that root owns."""

import contextlib
import fcntl
import grp
import json
import os
import pwd

LOCKS = "/run/edge-train/locks"


def lock_path(job):
    return "%s/%s" % (LOCKS, job)


@contextlib.contextmanager
def lock(job):
    """One call a job at a time; a lock file that was removed meanwhile is not the lock."""
    os.makedirs(LOCKS, 0o700, exist_ok=True)
    while True:
        fd = os.open(lock_path(job), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(fd).st_ino == os.stat(lock_path(job)).st_ino:
                break
        os.close(fd)
    try:
        yield
    finally:
        os.close(fd)


def ensure(path, user, group, mode):
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    own(path, user, group, mode)


def own(path, user, group, mode):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fchown(fd, pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid)
        os.fchmod(fd, mode)
    finally:
        os.close(fd)


def hand_over(path, group, mode):
    """A file of root's that a group may read."""
    os.chown(path, 0, grp.getgrnam(group).gr_gid)
    os.chmod(path, mode)


def read(path):
    try:
        with open(path) as file:
            return json.load(file)
    except (FileNotFoundError, ValueError):
        return None


def write(path, value):
    """Only ever below folders that root owns."""
    new = path + ".new"
    with open(new, "w") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(new, 0o644)
    os.rename(new, path)
