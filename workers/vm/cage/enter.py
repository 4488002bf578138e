"""The first process in the cage, as the job's own user: checks the cage, then starts the script and stays its parent.

systemd ignores directives that it does not know, so what is believed shut is tried here; anything open means exit 77
before the script starts. What this process says (JSON lines on its standard error, a file that root opened and that the
script never holds) is what `record.py` believes: refused, started, finished.

The script's output goes through a pipe, so it can be limited and cannot be cut or rewritten by the script.
"""

import ctypes
import json
import os
import select
import shutil
import signal
import sys
import time

sys.path.insert(0, "/edge-train")  # isolated mode leaves the script's own folder out

import check  # noqa: E402
import relay  # noqa: E402

REFUSED = 77
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
JOB = "/job"
# Docker's, for an image that states none.
IMAGE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
libc = ctypes.CDLL(None, use_errno=True)


def main():
    # No process of the same user may open this one's descriptors or memory through /proc.
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    with open(JOB + "/state/terms.json") as file:
        terms = json.load(file)
    openings = check.openings(terms)
    if openings:
        say({"refused": openings})
        return REFUSED
    say({"tried": check.tried})
    with open(JOB + "/spec/spec.json") as file:
        spec = json.load(file)
    prepare_folders(spec)
    return Script(spec, terms).run()


def say(entry):
    line = json.dumps(dict(entry, invocation=os.environ.get("INVOCATION_ID", ""))) + "\n"
    os.write(2, line.encode())
    os.fsync(2)


def prepare_folders(spec):
    """The script gets a writable copy of its code, fresh at every start; what an earlier start made there stays."""
    for folder, folders, files in os.walk(JOB + "/source"):
        target = JOB + "/code" + folder[len(JOB + "/source") :]
        os.makedirs(target, exist_ok=True)
        for name in files:
            path = os.path.join(target, name)
            if os.path.islink(path) or os.path.isfile(path):
                os.unlink(path)
            shutil.copyfile(os.path.join(folder, name), path, follow_symlinks=False)
            if os.stat(os.path.join(folder, name)).st_mode & 0o100:
                os.chmod(path, 0o770)
    for path in [JOB + "/code/outputs", JOB + "/code/logs", JOB + "/scratch/home", JOB + "/scratch/tmp"]:
        os.makedirs(path, exist_ok=True)
    for name, kind in spec.get("outputs", {}).items():
        path = JOB + "/outputs/" + name
        if kind == "folder":
            os.makedirs(path, exist_ok=True)
    # `./outputs` and `${{outputs.default}}` are one folder, as Azure ML has it.
    if not os.path.lexists(JOB + "/outputs/default"):
        os.symlink(JOB + "/code/outputs", JOB + "/outputs/default")


def environment(spec):
    threads = str(len(os.sched_getaffinity(0)))
    ours = {
        "PATH": "/job/env/bin:/usr/local/bin:/usr/bin:/bin",
        "VIRTUAL_ENV": "/job/env",
        "HOME": JOB + "/scratch/home",
        "TMPDIR": JOB + "/scratch/tmp",
        "USER": "job",
        "LOGNAME": "job",
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
    }
    image = spec.get("imageEnvironment")
    if image is not None:
        # The image's own come first, but for what the cage alone knows; there is no environment of the VM's.
        of_the_vm = ("PATH", "VIRTUAL_ENV", "LANG")
        ours = {"PATH": IMAGE_PATH, "LANG": "C.UTF-8", **image, **{key: value for key, value in ours.items() if key not in of_the_vm}}
    theirs = {str(key): str(value) for key, value in spec.get("environmentVariables", {}).items()}
    return dict(ours, **theirs)


class Script:
    """Runs the command and passes its end on as this process's own, so that systemd records it truthfully."""

    def __init__(self, spec, terms):
        self.spec = spec
        self.limit = int(terms["limits"]["logBytes"])
        self.tracking = relay.listen() if terms.get("tracking") else None
        self.written = log_size()
        self.cut = False
        self.terminated = False
        self.child = None

    def run(self):
        # systemd sends TERM to the whole group; this process waits for the script, then dies of TERM itself, so that a
        # script which caught it and exited with 0 is never taken for one that finished.
        signal.signal(signal.SIGTERM, self.on_term)
        for harmless in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE):
            signal.signal(harmless, signal.SIG_IGN)
        read_end, write_end = os.pipe()
        say({"started": time.time()})
        # Until the child has put its handlers back, a TERM would be lost in this process's own.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        self.child = os.fork()
        if self.child == 0:
            self.become_script(write_end)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        os.close(write_end)
        if self.tracking:
            relay.serve(self.tracking, self.log)
        self.pump(read_end)
        _, status = os.waitpid(self.child, 0)
        if self.terminated:
            return die_of(signal.SIGTERM)
        if os.WIFSIGNALED(status):
            say({"finished": {"signal": os.WTERMSIG(status)}, "logCut": self.cut})
            return die_of(os.WTERMSIG(status))
        say({"finished": {"exit": os.WEXITSTATUS(status)}, "logCut": self.cut})
        return os.WEXITSTATUS(status)

    def become_script(self, write_end):
        try:
            os.setsid()
            for number in range(1, signal.NSIG):
                if number not in (signal.SIGKILL, signal.SIGSTOP) and number not in range(32, 34):
                    signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            os.dup2(write_end, 1)
            os.dup2(write_end, 2)
            os.closerange(3, 1024)
            os.chdir(JOB + "/code")
            os.execve("/bin/bash", ["/bin/bash", "-c", self.spec["command"]], environment(self.spec))
        except BaseException as error:
            os.write(2, ("edge-train: cannot start the command: %s\n" % error).encode())
        os._exit(126)

    def pump(self, read_end):
        """Copies until the last holder of the pipe is gone, or, once the script itself has ended, no more comes."""
        poll = select.poll()
        poll.register(read_end, select.POLLIN | select.POLLHUP)
        ended = False
        while True:
            ready = poll.poll(0 if ended else 100)
            if ready:
                block = os.read(read_end, 1 << 16)
                if not block:
                    return
                self.log(block)
            elif ended:
                return
            else:
                ended = self.child_ended()

    def child_ended(self):
        ended = os.waitid(os.P_PID, self.child, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return ended is not None

    def log(self, block):
        room = self.limit - self.written
        if room <= 0:
            self.cut = True
            return
        os.write(1, block[:room])
        self.written += min(room, len(block))
        if len(block) >= room and not self.cut:
            self.cut = True
            os.write(1, b"\nedge-train: the log has reached the site's limit; what follows is dropped\n")

    def on_term(self, _signal, _frame):
        self.terminated = True


def log_size():
    return os.fstat(1).st_size


def die_of(number):
    signal.signal(number, signal.SIG_DFL) if number not in (signal.SIGKILL, signal.SIGSTOP) else None
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    os.kill(os.getpid(), number)
    return 128 + number


if __name__ == "__main__":
    sys.exit(main())
