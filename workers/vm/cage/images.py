"""Trees of container images, as roots of cages. The worker unpacks one in a folder that it is given; `seal` makes it root's.

Only a sealed tree is a root: nobody but root can change it, and what the cage mounts there is made here. The helpers of the
cage never run what is in it: they bring the VM's own interpreter, started so that nothing of the image is loaded.
"""

import contextlib
import os
import pwd
import shutil
import stat
import sys

import stock
from root_files import lock, own

HOME = "/var/lib/edge-train"
IMAGES = HOME + "/images"
STAGING = IMAGES + "/staging"
HOST = "/edge-train/host"
UNIT = "/etc/systemd/system/edge-train-job@.service"
OF_THE_VM = ["BindReadOnlyPaths=/usr", "BindReadOnlyPaths=-/etc/ld.so.cache -/etc/alternatives -/etc/localtime"]
FOLDERS = ("etc", "var")
# What the cage mounts on, or what is the machine's and not an image's.
EMPTY = ("proc", "sys", "dev", "run", "tmp", "var/tmp", "edge-train", "job")
JOB = ("spec", "source", "inputs", "code", "outputs", "scratch", "state", "relay")


class NotSealed(Exception):
    pass


def image(digest):
    """The tree where it is there, else a folder for the worker to unpack it in."""
    stock.touch(digest)
    with lock("image-" + digest):
        if os.path.isdir(tree_of(digest)):
            return {"path": "%s/%s" % (IMAGES, digest), "sealed": True}
        shutil.rmtree(sealing_of(digest), ignore_errors=True)  # of a seal that died
        path = "%s/%s" % (STAGING, digest)
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)
        own(path, "edge-train", "edge-train", 0o700)
        stock.prune(keep=digest)
        return {"path": path, "sealed": False}


def seal(digest):
    """Publishes what the worker unpacked: out of its reach first, then root's, whole on disk, and only then under its name."""
    with lock("image-" + digest):
        final = "%s/%s" % (IMAGES, digest)
        if not os.path.isdir(final):
            taken = sealing_of(digest)
            shutil.rmtree(taken, ignore_errors=True)
            try:
                os.rename("%s/%s" % (STAGING, digest), taken)
                take(taken)
                make_mount_points(taken + "/tree", digest)
            except OSError as error:
                raise NotSealed("the image %s cannot be sealed: %s" % (digest[:12], error.strerror))
            os.sync()
            os.rename(taken, final)
        return {"path": final, "sealed": True}


def take(top):
    """From above, so that each folder is root's before it is looked into: what is in it then changes no more."""
    worker = pwd.getpwnam("edge-train").pw_uid
    files = set()
    folders = [top]
    while folders:
        path = folders.pop()
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            os.fchown(fd, 0, 0)
            os.fchmod(fd, 0o755)
            with os.scandir(path) as found:
                entries = [(entry.path, entry.stat(follow_symlinks=False)) for entry in found]
        finally:
            os.close(fd)
        for name, status in entries:
            kind = stat.S_IFMT(status.st_mode)
            if kind == stat.S_IFDIR:
                folders.append(name)
                continue
            # A second name of somebody else's file would give that file away.
            if status.st_uid != worker and (status.st_dev, status.st_ino) not in files:
                raise NotSealed("the image holds a file that is not the worker's")
            if kind not in (stat.S_IFREG, stat.S_IFLNK):
                raise NotSealed("the image holds what is neither folder, file nor link")
            files.add((status.st_dev, status.st_ino))
            os.chown(name, 0, 0, follow_symlinks=False)
            if kind == stat.S_IFREG:
                os.chmod(name, 0o755 if status.st_mode & 0o111 else 0o644)


def make_mount_points(tree, digest):
    for name in FOLDERS:
        path = "%s/%s" % (tree, name)
        if os.path.islink(path) or not os.path.isdir(path):
            remove(path)
            os.mkdir(path, 0o755)
    # The loader of every program, the helpers' too, would load what this names.
    remove(tree + "/etc/ld.so.preload")
    for name in EMPTY:
        remove("%s/%s" % (tree, name))
        os.mkdir("%s/%s" % (tree, name), 0o755)
    for name in JOB:
        os.mkdir("%s/job/%s" % (tree, name), 0o755)
    # By this the helper knows that its root is this tree.
    with open(tree + "/job/image", "w") as file:
        file.write(digest)
    os.chmod(tree + "/job/image", 0o644)


def remove(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def view(terms):
    """Lines of a job's drop-in: what it sees of the VM, or of an image instead."""
    if "image" in terms:
        return view_of_image(terms["image"])
    return OF_THE_VM + ["BindReadOnlyPaths=%s/environments/%s:/job/env" % (HOME, terms["environment"])]


def view_of_image(digest, unit_file=UNIT):
    """The tree as root, the VM's programs beside it, and the unit's own commands run by them."""
    for name in JOB:  # one that was sealed before there was such a place
        os.makedirs("%s/job/%s" % (tree_of(digest), name), 0o755, exist_ok=True)
    interpreter = " ".join(interpreter_command())
    with open(unit_file) as unit:
        commands = [line.rstrip() for line in unit if line.startswith("Exec")]
    names = sorted({line.split("=", 1)[0] for line in commands})
    return [
        "RootDirectory=%s" % tree_of(digest),
        "BindReadOnlyPaths=/usr:%s" % HOST,
        # The C locale is in every program: no file of the image is read for it.
        "Environment=LC_ALL=C",
        *["%s=" % name for name in names],
        *[line.replace("/usr/bin/python3 -I ", interpreter + " ") for line in commands],
    ]


def interpreter_command():
    """This process's own interpreter and libraries, from where they are in the cage. The loader is told where libraries are
    and asks no cache of the image; -S: no sitecustomize, which may be a link into /etc."""
    import ctypes  # noqa: F401  maps the library that the helpers' own use of it needs

    with open("/proc/self/maps") as maps:
        mapped = {fields[5].rstrip("\n") for fields in (line.split(None, 5) for line in maps) if len(fields) == 6}
    libraries = sorted(path for path in mapped if ".so" in os.path.basename(path) and path.startswith("/"))
    loaders = [path for path in libraries if os.path.basename(path).startswith("ld-")]
    program = os.path.realpath(sys.executable)
    if len(loaders) != 1 or not all(path.startswith("/usr/") for path in libraries + [program]):
        raise NotSealed("this VM's Python is not below /usr, so that it cannot watch over an image")
    folders = sorted({os.path.dirname(path) for path in libraries if "/lib-dynload/" not in path})
    beside = [HOST + path[len("/usr") :] for path in (loaders[0], program, *folders)]
    return [beside[0], "--inhibit-cache", "--library-path", ":".join(beside[2:]), beside[1], "-I", "-S"]


def tree_of(digest):
    return "%s/%s/tree" % (IMAGES, digest)


def sealing_of(digest):
    return "%s/.sealing-%s" % (IMAGES, digest)
