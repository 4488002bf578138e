"""Tries to get out, each way in a process of its own, and says what happened: an errno's name, or "open".

Argument: what listeners.py prints, with the machine's address. An attempt does no harm where it is open: what it opens it
does not write to, and what it sets it sets to what is there.
"""

import ctypes
import errno
import json
import os
import signal
import socket
import struct
import sys
import tempfile

there = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
arm = os.uname().machine == "aarch64"


def outcome(function):
    try:
        function()
        return "open"
    except socket.gaierror:
        return "EAI"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error.errno)) if error.errno else type(error).__name__


def attempt(function):
    """In a child: what is open takes rights away from whoever does it, or hangs."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        os.write(write, outcome(function).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        said = told.read()
    ended = os.waitpid(child, 0)[1]
    return said or "killed by %d" % (ended & 127)


def call(amd64, arm64, *arguments):
    ctypes.set_errno(0)
    numbers = (ctypes.c_long(a) if isinstance(a, int) else a for a in (arm64 if arm else amd64, *arguments))
    result = libc.syscall(*numbers)
    if result == -1:
        raise OSError(ctypes.get_errno(), "")
    return result


def connect(family, kind, target):
    with socket.socket(family, kind) as s:
        s.settimeout(5)
        s.connect(target)
        s.send(b"x")
        if kind == socket.SOCK_DGRAM and family != socket.AF_UNIX:
            s.recv(10)


def unix(path, kind=socket.SOCK_STREAM):
    return lambda: connect(socket.AF_UNIX, kind, path)


def makes(family, kind=socket.SOCK_RAW, protocol=0):
    return lambda: socket.socket(family, kind, protocol).close()


def opens(path, flags=os.O_RDONLY):
    return lambda: os.close(os.open(path, flags))


def reads(path):
    def read():
        with open(path, "rb") as file:
            file.read(1)

    return read


def lists(path):
    return lambda: os.listdir(path)


def writes(folder):
    def write():
        path = os.path.join(folder, "edge-train-test-%d" % os.getpid())
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        os.unlink(path)

    return write


def scratch(change):
    """Something done to a file of one's own."""

    def run():
        with tempfile.NamedTemporaryFile() as file:
            change(file.name)

    return run


def mount():
    folder = tempfile.mkdtemp()
    try:
        call(165, 40, b"tmpfs", folder.encode(), b"tmpfs", 0, None)
        call(166, 39, folder.encode(), 2)
    finally:
        os.rmdir(folder)


def joins(namespace):
    def join():
        descriptor = os.open("/proc/%d/ns/%s" % (there["pid"], namespace), os.O_RDONLY)
        call(308, 268, descriptor, 0)

    return join


def cgroup():
    folder = "/sys/fs/cgroup/edge-train-test-%d" % os.getpid()
    os.mkdir(folder)
    os.rmdir(folder)


def device():
    path = os.path.join(tempfile.gettempdir(), "edge-train-test-device-%d" % os.getpid())
    os.mknod(path, 0o600 | 0o020000, os.makedev(1, 3))
    os.unlink(path)


def traces():
    call(101, 117, 16, there["pid"], None, None)
    os.waitpid(there["pid"], 0x40000000)
    call(101, 117, 17, there["pid"], None, None)


def reads_memory():
    mine = ctypes.create_string_buffer(8)
    local = (ctypes.c_void_p * 2)(ctypes.addressof(mine), 8)
    remote = (ctypes.c_void_p * 2)(there["memory"], 8)
    call(310, 270, there["pid"], local, 1, remote, 1, 0)


def takes_descriptor():
    other = call(434, 434, there["pid"], 0)
    call(438, 438, other, 0, 0)


def shared_memory():
    if libc.shmget(there["key"], 0, 0) == -1:
        raise OSError(ctypes.get_errno(), "")


def personality():
    if libc.personality(0x0040000) == -1:
        raise OSError(ctypes.get_errno(), "")


def bpf_map():
    attributes = struct.pack("IIIII", 2, 4, 4, 1, 0).ljust(128, b"\0")
    os.close(call(321, 280, 0, attributes, len(attributes)))


def perf_event():
    attributes = struct.pack("IIQ", 1, 128, 0).ljust(128, b"\0")
    os.close(call(298, 241, attributes, there["pid"], -1, -1, 0))


other = "/proc/%d" % there["pid"]
machine = there["address"]
ATTEMPTS = {
    # the network
    "tcp": lambda: connect(socket.AF_INET, socket.SOCK_STREAM, (machine, there["tcp"])),
    "udp": lambda: connect(socket.AF_INET, socket.SOCK_DGRAM, (machine, there["udp"])),
    "dns": lambda: socket.getaddrinfo("vm.test.invalid", 80),
    "loopback": lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", there["tcp"])),
    "vsock": makes(40, socket.SOCK_STREAM),
    "netlink": makes(socket.AF_NETLINK),
    "packet": makes(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)),
    "icmp": makes(socket.AF_INET, socket.SOCK_RAW, 1),
    "crypto": makes(38, socket.SOCK_SEQPACKET),
    "tun": opens("/dev/net/tun", os.O_RDWR),
    # other programs' doors
    "abstract": unix("\0edge-train-test"),
    "unix": unix("/run/edge-train-test.sock"),
    "another's tracking": unix(there["other"] + "/relay/mlflow.sock"),
    "another's store": writes(there["other"] + "/tracking/runs"),
    "launcher": unix("/run/edge-train/launcher.sock"),
    "dbus": unix("/run/dbus/system_bus_socket"),
    "systemd": unix("/run/systemd/private"),
    "journal": unix("/run/systemd/journal/socket", socket.SOCK_DGRAM),
    # other processes
    "signal": lambda: os.kill(there["pid"], 0),
    "environ": reads(other + "/environ"),
    "memory": opens(other + "/mem"),
    "descriptors": lists(other + "/fd"),
    "root": lists(other + "/root/root"),
    "ptrace": traces,
    "process_vm_readv": reads_memory,
    "pidfd_getfd": takes_descriptor,
    "shm": opens("/dev/shm/edge-train-test"),
    "sysv": shared_memory,
    "tmp": opens("/tmp/edge-train-test"),
    # what is on the machine
    "machine.json": reads("/etc/edge-train/machine.json"),
    "policy.json": reads("/etc/edge-train/policy.json"),
    "jobs": lists("/var/lib/edge-train/jobs"),
    "workers": lists("/opt/edge-train/bundles"),
    "shadow": reads("/etc/shadow"),
    "os-release": reads("/etc/os-release"),
    "hostname": reads("/etc/hostname"),
    "home": lists("/root"),
    "logs": lists("/var/log"),
    "write /": writes("/"),
    "write /usr": writes("/usr"),
    "write /etc": writes("/etc"),
    "write /var": writes("/var/lib"),
    # the kernel
    "core_pattern": opens("/proc/sys/kernel/core_pattern", os.O_WRONLY),
    "sysrq": opens("/proc/sysrq-trigger", os.O_WRONLY),
    "kcore": opens("/proc/kcore"),
    "kmsg": opens("/dev/kmsg"),
    "mem": opens("/dev/mem"),
    "fuse": opens("/dev/fuse", os.O_RDWR),
    "device": device,
    "cgroup": cgroup,
    "mount": mount,
    "unshare user": lambda: call(272, 97, 0x10000000),
    "unshare mount": lambda: call(272, 97, 0x00020000),
    "unshare net": lambda: call(272, 97, 0x40000000),
    "setns mount": joins("mnt"),
    "setns net": joins("net"),
    "chroot": lambda: os.chroot("/"),
    "io_uring": lambda: call(425, 425, 1, ctypes.create_string_buffer(120)),
    "add_key": lambda: call(248, 217, b"user", b"edge-train-test", b"x", 1, -4),
    "bpf": bpf_map,
    "perf_event": perf_event,
    "userfaultfd": lambda: os.close(call(323, 282, 0)),
    "sethostname": lambda: socket.sethostname(socket.gethostname()),
    "personality": personality,
    # another user
    "setuid": lambda: os.setuid(0),
    "setgid": lambda: os.setgid(0),
    "setgroups": lambda: os.setgroups([0]),
    "chown": scratch(lambda path: os.chown(path, 0, 0)),
    "set-user-id": scratch(lambda path: os.chmod(path, 0o4755)),
    "priority": lambda: os.setpriority(os.PRIO_PROCESS, 0, -5),
}
print(json.dumps({name: attempt(function) for name, function in ATTEMPTS.items()}))
