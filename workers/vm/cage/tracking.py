"""A job's MLflow tracking server: its folders, its units, and when they run. As root; callers hold the job's lock.

The socket is there before the script starts and is root's, as is its folder. The server is started beside it at once, so
that it is ready when the script first logs; one that died is started again by the next connection.
"""

import os

from root_files import ensure
from units import dropin, remove_dropin, systemctl, write_dropin

SOCKET = "edge-train-tracking@%s.socket"
SERVER = "edge-train-tracking@%s.service"


def make(job, path, environment):
    """Folders and settings; the caller has systemd read the latter."""
    ensure(path + "/relay", "root", "edge-train-job", 0o750)
    ensure(path + "/tracking", "root", "edge-train-job", 0o2770)
    settings(job, environment)


def settings(job, environment):
    write_dropin(SERVER % job, "[Service]\nBindReadOnlyPaths=/var/lib/edge-train/environments/%s:/env\n" % environment)


def begin(job):
    """Beginning what runs is fine. What does not come up is for the helper in the cage to say: a job need not log."""
    systemctl("start", SOCKET % job)
    systemctl("start", "--no-block", SERVER % job)


def end(job):
    """Absent or ended is fine. Both in one call, or a connection in between would start the server again."""
    if os.path.exists(dropin(SERVER % job)):
        systemctl("stop", SOCKET % job, SERVER % job)


def forget(job):
    """With its settings; the folders are the job's."""
    end(job)
    remove_dropin(SERVER % job)
    systemctl("reset-failed", SOCKET % job, SERVER % job)
