"""What Azure's provisioning agent does at a VM's first boot. Reads {user, password, sshPublicKeys, disablePassword} as
JSON from standard input. May be run again."""

import grp
import json
import os
import pathlib
import pwd
import subprocess
import sys

given = json.load(sys.stdin)
user = given["user"]


def run(*command, text=""):
    subprocess.run(command, check=True, input=text, text=True, stdout=subprocess.DEVNULL)


def write(path, text, mode):
    path = pathlib.Path(path)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, "w") as file:
        os.fchmod(fd, mode)
        file.write(text)


try:
    pwd.getpwnam(user)
except KeyError:
    group = ["--gid", user] if any(entry.gr_name == user for entry in grp.getgrall()) else ["--user-group"]
    run("useradd", "--create-home", "--shell", "/bin/bash", "--groups", "sudo", *group, user)

if given.get("password"):
    run("chpasswd", "--crypt-method", "SHA512", text=f"{user}:{given['password']}\n")

# A user who has a password is asked for it by sudo; one who has only a key cannot be.
rule = "ALL" if given.get("password") else "NOPASSWD: ALL"
write("/etc/sudoers.d/waagent", f"{user} ALL=(ALL) {rule}\n", 0o440)

home = pathlib.Path(pwd.getpwnam(user).pw_dir)
(home / ".ssh").mkdir(mode=0o700, exist_ok=True)
write(home / ".ssh" / "authorized_keys", "".join(key.strip() + "\n" for key in given["sshPublicKeys"]), 0o600)
run("chown", "-R", f"{user}:", str(home / ".ssh"))

# The first value that sshd reads holds, so this comes before what the image says.
answer = "no" if given["disablePassword"] else "yes"
write("/etc/ssh/sshd_config.d/01-provisioned.conf", f"PasswordAuthentication {answer}\n", 0o644)

# Each machine has host keys of its own, not its image's; once.
mark = pathlib.Path("/var/lib/waagent/provisioned")
if not mark.exists():
    for key in pathlib.Path("/etc/ssh").glob("ssh_host_*"):
        key.unlink()
    run("ssh-keygen", "-A")
    mark.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mark.touch()
run("systemctl", "enable", "ssh")
run("systemctl", "restart", "ssh")
