"""Puts the edge worker and its cage on a VM. Runs as root, by the VM extension or over SSH; may be run again at any time.

Usage: install.py BUNDLE.tar.gz CONFIG.json     (domain/machine-config.ts: MachineConfig; a file that only root can read)

Content-addressed: a new bundle gets its own folder and its own worker unit; an old one's runs until its jobs are done.
Ends only when this machine has proved, with a job of its own, that the cage holds.
"""

import contextlib
import grp
import hashlib
import json
import os
import pwd
import shutil
import subprocess
import sys
import tarfile

HOME = "/var/lib/edge-train"
OPT = "/opt/edge-train"
ETC = "/etc/edge-train"
UNITS = "/etc/systemd/system"
LEAST_SYSTEMD = 245


def main():
    archive, config_path = sys.argv[1:3]
    with open(config_path) as file:
        config = json.load(file)
    digest = config["bundle"]
    version = systemd_version()
    make_users()
    make_folders()
    is_new = os.path.realpath(OPT + "/current") != "%s/bundles/%s" % (OPT, digest)
    bundle = unpack(archive, digest)
    install_cage(bundle)
    make_skeleton()
    changed = write_config(config)
    make_attach_account(config.get("attachAccount"))
    sys.path.insert(0, bundle)
    import prove  # of the bundle whose digest was checked

    install_units(bundle, lambda text: prove.for_version(text, version))
    run("systemctl", "start", "edge-train-boot-id.service")
    run("systemctl", "start", "edge-train-launcher.socket")
    prove.prove_cage(version)
    if is_new:
        # With the next connection they begin anew, as the new bundle has them; what is under way ends first.
        run("systemctl", "stop", "edge-train-tls-front@*.service")
    start_worker(digest[:12], changed)
    print("edge-train: bundle %s is installed" % digest[:12])


def systemd_version():
    if os.getuid() != 0:
        stop("must run as root")
    if sys.version_info < (3, 7):
        stop("needs Python 3.7 or later; this is %s" % sys.version.split()[0])
    if not os.path.isdir("/run/systemd/system"):
        stop("needs systemd as the first process of this machine")
    version = int(run("systemctl", "--version").split()[1].split(".")[0])
    if version < LEAST_SYSTEMD:
        stop("needs systemd %d or later for its cage; this machine has %d. Use a newer VM image" % (LEAST_SYSTEMD, version))
    return version


def make_users():
    for group in ("edge-train", "edge-train-job", "edge-train-front"):
        with contextlib.suppress(KeyError):
            grp.getgrnam(group)
            continue
        run("groupadd", "--system", group)
    try:
        pwd.getpwnam("edge-train")
    except KeyError:
        shell = "/usr/sbin/nologin" if os.path.exists("/usr/sbin/nologin") else "/sbin/nologin"
        run("useradd", "--system", "--gid", "edge-train", "--home-dir", HOME, "--no-create-home", "--shell", shell, "edge-train")
    if "edge-train" not in grp.getgrnam("edge-train-job").gr_mem:
        run("usermod", "--append", "--groups", "edge-train-job", "edge-train")


def make_folders():
    folder(OPT, "root", "root", 0o755)
    folder(OPT + "/bundles", "root", "root", 0o755)
    folder(OPT + "/cage", "root", "root", 0o755)
    folder(OPT + "/cage/host", "root", "root", 0o755)
    folder(ETC, "root", "root", 0o755)
    folder(HOME, "root", "root", 0o755)
    # Root's, so that the worker cannot put a symlink where a unit binds.
    folder(HOME + "/jobs", "root", "edge-train", 0o750)
    folder(HOME + "/environments", "root", "edge-train", 0o750)
    folder(HOME + "/images", "root", "edge-train", 0o750)
    folder(HOME + "/images/staging", "root", "edge-train", 0o750)
    folder(HOME + "/services", "root", "edge-train-job", 0o750)
    folder(HOME + "/services/by-front", "root", "edge-train-job", 0o750)
    folder(HOME + "/used", "root", "root", 0o700)
    folder(HOME + "/trash", "root", "root", 0o700)
    folder(HOME + "/cache", "edge-train", "edge-train", 0o700)
    # Root never writes here: what the worker's Temporal credential is renewed to.
    folder(HOME + "/credential", "edge-train", "edge-train", 0o700)


def unpack(archive, digest):
    target = "%s/bundles/%s" % (OPT, digest)
    short = "%s/bundles/%s" % (OPT, digest[:12])
    if not os.path.isdir(target):
        if sha256(archive) != digest:
            stop("the bundle's SHA-256 is not %s: it was cut off or changed on its way" % digest)
        temporary = "%s/bundles/.new-%d" % (OPT, os.getpid())
        os.mkdir(temporary, 0o755)
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                copy_member(tar, member, temporary)
        run("sync", "-f", temporary)
        os.rename(temporary, target)
    link(digest, short)
    link("bundles/" + digest, OPT + "/current")
    return target


def link(target, path):
    if os.path.islink(path) and os.readlink(path) == target:
        return
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path + ".new")
    os.symlink(target, path + ".new")
    os.rename(path + ".new", path)


def copy_member(tar, member, folder_path):
    """The digest was checked, so this only guards against a builder's mistake: plain files and folders, below the folder."""
    parts = member.name.split("/")
    if member.name.startswith("/") or ".." in parts or not (member.isreg() or member.isdir()):
        stop("the bundle holds %r, which is no plain file" % member.name)
    path = os.path.join(folder_path, member.name)
    os.makedirs(path if member.isdir() else os.path.dirname(path), 0o755, exist_ok=True)
    if member.isreg():
        with open(path, "wb") as file:
            shutil.copyfileobj(tar.extractfile(member), file, 1 << 20)
        os.chmod(path, 0o755 if member.mode & 0o100 else 0o644)


def install_cage(bundle):
    for name in sorted(os.listdir(bundle + "/cage")):
        with open("%s/cage/%s" % (bundle, name)) as file:
            write("%s/cage/%s" % (OPT, name), file.read(), 0o644)


def make_skeleton():
    """The cages' roots, of a job and of its tracking server: empty folders, and links into /usr as on a merged-usr system. On others the folders are copied binds."""
    cage = ["edge-train", "job"]
    cage += ["job/" + name for name in ("spec", "source", "inputs", "code", "outputs", "scratch", "state", "env", "relay")]
    make_root(HOME + "/root", cage)
    make_root(HOME + "/tracking-root", ["env", "store"])


def make_root(root, own):
    for name in ["", "usr", "etc", "etc/alternatives", "proc", "sys", "dev", "run", "tmp", "var", "var/tmp"] + own:
        folder("%s/%s" % (root, name), "root", "root", 0o755)
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        if os.path.islink("/" + name) and not os.path.lexists("%s/%s" % (root, name)):
            os.symlink("usr/" + name, "%s/%s" % (root, name))
    if not os.path.islink("/bin"):
        stop("needs a system whose /bin is a link into /usr (Debian 12, Ubuntu 20.04, RHEL 9 or later)")
    for name in ("ld.so.cache", "localtime"):
        if not os.path.lexists("%s/etc/%s" % (root, name)):
            write("%s/etc/%s" % (root, name), "", 0o644)
    write(root + "/etc/passwd", "root:x:0:0:root:/:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n", 0o644)
    write(root + "/etc/group", "root:x:0:\nnogroup:x:65534:\n", 0o644)
    write(root + "/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n", 0o644)
    write(root + "/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n", 0o644)


def write_config(config):
    """True if anything is new, so that a worker that runs must be restarted to see it."""
    changed = write(ETC + "/policy.json", canonical(config["policy"]), 0o644)
    changed |= write(ETC + "/machine.json", canonical(config), 0o600, "edge-train")
    trusted = config.get("caBundle") or ""
    changed |= write(ETC + "/ca.pem", trusted, 0o644)
    # uv and Node trust the system's authorities and the site's own.
    return write(ETC + "/worker.env", "NODE_EXTRA_CA_CERTS=%s/ca.pem\n" % ETC if trusted else "", 0o644) or changed


def make_attach_account(account):
    """The account that Azure ML logs in to: no password, no group, no right but its own empty home."""
    if not account:
        return
    name = account["username"]
    try:
        if pwd.getpwnam(name).pw_uid < 1000:
            stop("the attach account may not be %s, which is one of the system's" % name)
    except KeyError:
        run("useradd", "--create-home", "--shell", "/bin/sh", "--user-group", name)
    home = pwd.getpwnam(name).pw_dir
    folder(home + "/.ssh", "root", "root", 0o755)
    # Root's file, so that who logs in with the key cannot add another; no forwarding, no tunnel, no terminal.
    write(home + "/.ssh/authorized_keys", "restrict %s\n" % account["publicKey"], 0o644)


def install_units(bundle, for_this_systemd):
    changed = False
    for name in sorted(os.listdir(bundle + "/units")):
        with open("%s/units/%s" % (bundle, name)) as file:
            text = file.read()
        if name.endswith("@.service") and not name.startswith(("edge-train-worker", "edge-train-launcher")):
            text = for_this_systemd(text)
        changed |= write("%s/%s" % (UNITS, name), text, 0o644)
    if changed:
        run("systemctl", "daemon-reload")
    run("systemctl", "enable", "--quiet", "edge-train-boot-id.service", "edge-train-launcher.socket")


def start_worker(short, changed):
    unit = "edge-train-worker@%s.service" % short
    run("systemctl", "enable", "--quiet", unit)
    run("systemctl", "restart" if changed else "start", unit)


def folder(path, user, group, mode):
    os.makedirs(path, mode, exist_ok=True)
    os.chown(path, pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid)
    os.chmod(path, mode)


def write(path, text, mode, user="root"):
    """Whole or not at all; True if the file was not already so."""
    with contextlib.suppress(FileNotFoundError):
        with open(path) as file:
            if file.read() == text and os.stat(path).st_mode & 0o777 == mode:
                return False
    fd = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as file:
        os.fchown(fd, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        os.fchmod(fd, mode)
        file.write(text)
        file.flush()
        os.fsync(fd)
    os.rename(path + ".new", path)
    return True


def canonical(value):
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def sha256(path):
    total = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            total.update(block)
    return total.hexdigest()


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        stop("%s failed (%d): %s" % (" ".join(command[:3]), done.returncode, done.stderr.strip()[-500:]))
    return done.stdout


def stop(reason):
    print("edge-train: %s" % reason, file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    os.umask(0o022)
    main()
