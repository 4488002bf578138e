"""What must be shut before a script may start: each item is tried or looked at from inside, none is taken on trust.

`openings` returns a line for each thing that is open; an empty list means that the cage holds. `tried` then says what was
tried, for the receipt.
"""

import ctypes
import errno
import json
import os
import platform
import socket

libc = ctypes.CDLL(None, use_errno=True)

ROOT = {"bin", "dev", "edge-train", "etc", "job", "lib", "lib32", "lib64", "libx32", "proc", "run", "sbin", "sys", "tmp", "usr", "var"}
ROOT_MAY_HOLD = {"home", "root"}  # empty mounts of ProtectHome=
JOB = {"code", "env", "inputs", "outputs", "relay", "scratch", "source", "spec", "state"}
ETC = {"alternatives", "group", "hosts", "ld.so.cache", "localtime", "nsswitch.conf", "passwd"}
READ_ONLY = ["/", "/usr", "/edge-train", "/job/env", "/job/inputs", "/job/relay", "/job/source", "/job/spec", "/sys"]
HIDDEN = [
    "/run/systemd/journal",
    "/run/systemd/private",
    "/run/systemd/notify",
    "/run/dbus",
    "/run/docker.sock",
    "/run/edge-train",
    "/var/run/docker.sock",
    "/var/lib/edge-train",
    "/opt/edge-train",
    "/etc/edge-train",
    "/etc/shadow",
    "/dev/kmsg",
    "/dev/mem",
    "/dev/kvm",
    "/dev/fuse",
    "/dev/net/tun",
]
# An image's own, which is not the VM's.
IMAGES_HAVE = {"/etc/shadow"}
# Calls that must fail with EPERM or ENOSYS: (x86_64, aarch64, arguments that would otherwise succeed or be harmless).
CALLS = {
    "unshare": (272, 97, (0x10000000, 0, 0, 0, 0)),
    "io_uring_setup": (425, 425, (1, 0, 0, 0, 0)),
    "add_key": (248, 217, (b"user", b"edge-train", b"x", 1, -3)),
    "keyctl": (250, 219, (0, -3, 0, 0, 0)),
    "bpf": (321, 280, (0, 0, 0, 0, 0)),
    "userfaultfd": (323, 282, (0, 0, 0, 0, 0)),
    "perf_event_open": (298, 241, (0, 0, -1, -1, 0)),
    "pidfd_getfd": (438, 438, (-1, 0, 0, 0, 0)),
    "process_vm_readv": (310, 270, (0, 0, 0, 0, 0)),
    "mount": (165, 40, (0, 0, 0, 0, 0)),
    "setns": (308, 268, (-1, 0, 0, 0, 0)),
    "name_to_handle_at": (303, 264, (-100, 0, 0, 0, 0)),
    "personality": (135, 92, (0x0040000, 0, 0, 0, 0)),
}
SHMGET = (29, 194)
NAMESPACES = ("ipc", "user")
FAMILIES = {"AF_VSOCK": 40, "AF_NETLINK": 16, "AF_PACKET": 17, "AF_ALG": 38, "AF_XDP": 44, "AF_TIPC": 30, "AF_CAN": 29}

tried = []


def openings(terms):
    return identity() + network() + view(terms) + namespaces() + calls()


def identity():
    status = dict(line.split(":", 1) for line in read("/proc/self/status").splitlines() if ":" in line)
    value = {key: text.strip() for key, text in status.items()}
    found = []
    tried.extend(["user", "capabilities", "NoNewPrivs", "Seccomp"])
    if 0 in (os.getuid(), os.geteuid(), os.getgid(), os.getegid()):
        found.append("runs as root")
    for key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        if int(value.get(key, "1"), 16) != 0:
            found.append("%s is not empty" % key)
    if value.get("NoNewPrivs") != "1":
        found.append("NoNewPrivs is not set")
    if value.get("Seccomp") != "2":
        found.append("no system call filter")
    return found


def network():
    found = []
    tried.extend(["network interfaces", "raw sockets"] + ["socket(%s)" % name for name in FAMILIES])
    devices = {line.split(":", 1)[0].strip() for line in read("/proc/self/net/dev").splitlines() if ":" in line}
    if devices != {"lo"}:
        found.append("network interfaces: %s" % ", ".join(sorted(devices - {"lo"}) or ["unknown"]))
    for name, family in FAMILIES.items():
        kind = socket.SOCK_SEQPACKET if name in ("AF_ALG", "AF_TIPC") else socket.SOCK_RAW if name != "AF_VSOCK" else socket.SOCK_STREAM
        try:
            socket.socket(family, kind, 0).close()
            found.append("socket(%s) is possible" % name)
        except OSError:
            pass
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close()
        found.append("raw sockets are possible")
    except OSError:
        pass
    return found


def view(terms):
    found = []
    image = terms.get("image")
    # An image has what names it likes; that the root is its tree and no other stands in a file that root wrote there.
    if image is not None and read("/job/image") != image:
        found.append("the root is not the image's")
    lists = [("/job", JOB)] if image is None else [("/job", JOB - {"env"} | {"image"})]
    lists += [("/", ROOT | ROOT_MAY_HOLD), ("/etc", ETC)] if image is None else []
    tried.extend(["names in %s" % " ".join(folder for folder, _ in lists), "other processes", "/root /home"])
    tried.extend(HIDDEN + ["writing to %s" % path for path in READ_ONLY])
    for folder, allowed in lists:
        names = set(os.listdir(folder))
        if names - allowed:
            found.append("%s holds %s" % (folder, ", ".join(sorted(names - allowed)[:5])))
    for path in HIDDEN:
        if os.path.lexists(path) and (image is None or path not in IMAGES_HAVE):
            found.append("%s is visible" % path)
    for path in READ_ONLY:
        if path == "/job/env" and terms.get("environment") is None or path == "/job/relay" and not terms.get("tracking"):
            continue
        if path == "/usr" and image is not None and not os.path.exists(path):
            continue
        if not os.statvfs(path).f_flag & os.ST_RDONLY:
            found.append("%s is writable" % path)
    for path in ("/job/state", "/edge-train", "/proc/sys/kernel"):
        if os.access(path, os.W_OK):
            found.append("%s is writable" % path)
    for folder in ("/root", "/home"):
        if os.path.isdir(folder) and listing(folder):
            found.append("%s is visible" % folder)
    others = [entry for entry in os.listdir("/proc") if entry.isdigit() and cgroup(entry) not in ("", cgroup("self"))]
    if others:
        found.append("processes of other users are visible")
    return found


def namespaces():
    """Against the machine's, which root's launcher wrote down. A systemd without PrivateIPC= filters its calls instead."""
    tried.extend("%s namespace" % name for name in NAMESPACES)
    outside = json.loads(read("/job/state/host.json") or "{}").get("namespaces", {})
    inside = {name: os.readlink("/proc/self/ns/%s" % name) for name in NAMESPACES}
    shared = [name for name in NAMESPACES if outside.get(name) in (None, inside[name])]
    if "ipc" in shared and ipc_is_filtered():
        shared.remove("ipc")
    return ["the %s namespace is the machine's" % name for name in shared]


def ipc_is_filtered():
    column = column_of_machine()
    ctypes.set_errno(0)
    return column is not None and libc.syscall(SHMGET[column], 0, 4096, 0o1600) == -1 and ctypes.get_errno() == errno.EPERM


def column_of_machine():
    return {"x86_64": 0, "aarch64": 1}.get(platform.machine())


def calls():
    tried.extend(CALLS)
    column = column_of_machine()
    if column is None:
        return ["no system call numbers for %s" % platform.machine()]
    found = []
    for name, numbers in CALLS.items():
        ctypes.set_errno(0)
        # ENOSYS: this kernel lacks it. Any other answer means that the call reached the kernel.
        result = libc.syscall(numbers[column], *numbers[2])
        if result != -1 or ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
            found.append("the system call %s is possible" % name)
    return found


def cgroup(pid):
    return read("/proc/%s/cgroup" % pid)


def listing(path):
    try:
        return os.listdir(path)
    except PermissionError:
        return []


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""
