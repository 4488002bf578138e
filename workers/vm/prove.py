"""Proves that this machine's systemd makes the cage: reads the unit back as systemd understood it, then runs a job in it."""

import json
import os
import re
import subprocess
import sys
import time

HOME = "/var/lib/edge-train"
PROOF = "0" * 20
NO_ENVIRONMENT = "0" * 64
# Directives younger than 245, and the version that brought them [systemd.exec(5)].
SINCE = {"ProtectProc": 247, "ProcSubset": 247, "PrivateIPC": 248}
# What stands in for PrivateIPC= where it is missing: no System V IPC and no message queues at all.
WITHOUT_PRIVATE_IPC = "SystemCallFilter=~shmget semget msgget mq_open\n"
# systemctl show -p NAME: what systemd must have understood.
WANTED = {
    "DynamicUser": "yes",
    "User": "etj-" + PROOF,
    "Group": "edge-train-job",
    "RootDirectory": HOME + "/root",
    "MountAPIVFS": "yes",
    "WorkingDirectory": "/job/code",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateMounts": "yes",
    "PrivateNetwork": "yes",
    "PrivateDevices": "yes",
    "PrivateUsers": "yes",
    "PrivateIPC": "yes",
    "DevicePolicy": "closed",
    "ProtectProc": "invisible",
    "ProtectKernelTunables": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectControlGroups": "yes",
    "ProtectClock": "yes",
    "ProtectHostname": "yes",
    "RestrictSUIDSGID": "yes",
    "RestrictRealtime": "yes",
    "LockPersonality": "yes",
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "KeyringMode": "private",
    "RemoveIPC": "yes",
    "SystemCallArchitectures": "native",
    "SystemCallErrorNumber": "1",
    "LimitCORE": "0",
    "OOMPolicy": "kill",
    "KillMode": "control-group",
    "Restart": "no",
    "EnvironmentFiles": "",
}
# What serves a job's tracking is told things by its script, so it is caged as well.
OF_TRACKING = {"User": "ett-" + PROOF, "RootDirectory": HOME + "/tracking-root", "WorkingDirectory": "/"}
# A model that serves is asked by whoever may, and starts again.
OF_SERVICE = {"User": "ets-" + PROOF, "WorkingDirectory": "/", "Restart": "on-failure", "KillMode": "mixed"}
UNITS = {
    "edge-train-job@%s.service": WANTED,
    "edge-train-tracking@%s.service": dict(WANTED, **OF_TRACKING),
    "edge-train-serve@%s.service": dict(WANTED, **OF_SERVICE),
}

FRONTS = ("edge-train-front@%s.service", "edge-train-tls-front@%s.service")

# By SystemCallFilter= and nothing else; systemd shows every call that is let through.
FILTERED = set(
    "add_key bpf init_module io_uring_enter io_uring_register io_uring_setup kcmp kexec_load keyctl mount name_to_handle_at"
    " perf_event_open pidfd_getfd pivot_root process_vm_readv process_vm_writev ptrace reboot request_key swapon umount2"
    " userfaultfd".split()
)


def for_version(text, version):
    lines = []
    for line in text.splitlines(keepends=True):
        needed = SINCE.get(line.split("=", 1)[0], 0)
        if version >= needed:
            lines.append(line)
        elif line.startswith("PrivateIPC="):
            lines.append(WITHOUT_PRIVATE_IPC)
    return "".join(lines)


def prove_cage(version):
    os.makedirs("%s/environments/%s" % (HOME, NO_ENVIRONMENT), 0o755, exist_ok=True)
    call("stop", job=PROOF, reason="proof")
    call("remove", job=PROOF)
    with open("/etc/edge-train/policy.json") as file:
        policy = json.load(file)
    limits = {
        "memoryBytes": 256 << 20,
        "tasks": 32,
        "seconds": min(60, policy["maxSeconds"]),
        "logBytes": min(4096, policy["maxLogBytes"]),
        "sharedMemoryBytes": 0,
    }
    path = call("create", job=PROOF, environment=NO_ENVIRONMENT, limits=limits)["path"]
    try:
        with open(path + "/spec/spec.json", "w") as file:
            json.dump({"command": "exit 0", "environmentVariables": {}, "outputs": {}}, file)
        for unit, wanted in UNITS.items():
            name = unit % PROOF
            differences = unit_differences(name, wanted, version) + filter_differences(name) + unknown_directives(name)
            if differences:
                stop("this systemd did not understand the cage's unit %s: %s" % (unit % "", "; ".join(differences)))
        for unit in FRONTS:
            unknown = unknown_directives(unit % PROOF)
            if unknown:
                stop("this systemd did not understand the unit %s: %s" % (unit % "", "; ".join(unknown)))
        call("start", job=PROOF)
        run_to_end(path)
    finally:
        call("stop", job=PROOF, reason="proof")
        call("remove", job=PROOF)


def run_to_end(path):
    # `systemctl stop` on a unit that ends by itself would race; waiting on its state is what systemd offers.
    unit = "edge-train-job@%s.service" % PROOF
    for _ in range(600):
        shown = call("status", job=PROOF)
        if shown["state"] != "running":
            break
        time.sleep(0.1)
    result = shown.get("result") or {}
    refused = result.get("cage", {}).get("refused")
    if refused:
        stop("the cage does not hold on this machine: " + "; ".join(refused))
    if (result.get("serviceResult"), result.get("exitStatus")) != ("success", "0"):
        detail = "%s/%s/%s" % tuple(result.get(key, "") for key in ("serviceResult", "exitCode", "exitStatus"))
        stop("a first job in the cage did not run: %s; journalctl -u %s says more" % (detail, unit))


def unit_differences(unit, wanted, version):
    names = [name for name in wanted if version >= SINCE.get(name, 0)]
    arguments = [part for name in names for part in ("-p", name)]
    shown = systemctl("show", *arguments, unit)
    values = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    return [
        "%s is %r, wanted %r" % (name, values.get(name), wanted[name])
        for name in names
        if values.get(name, "") != wanted[name]
    ]


def filter_differences(unit):
    """An allow-list, with the calls in it that Python needs, and without those that the unit takes out."""
    shown = systemctl("show", "-p", "SystemCallFilter", "--value", unit).strip()
    let_through = set(shown.split())
    if shown.startswith("~") or "read" not in let_through:
        return ["SystemCallFilter is no list of what is let through"]
    return ["SystemCallFilter lets %s through" % name for name in sorted(FILTERED & let_through)]


def unknown_directives(unit):
    """A misspelt or unknown directive is only a log line to systemd; here it is an error."""
    done = subprocess.run(
        ["/usr/bin/systemd-analyze", "verify", unit],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return [line.strip() for line in done.stdout.splitlines() if "edge-train" in line and re.search("Unknown|Failed to parse", line)]


def call(verb, **arguments):
    """Through the launcher itself, as root, so that what is proved is what the worker will use."""
    done = subprocess.run(
        [sys.executable, "-I", "/opt/edge-train/cage/launcher.py"],
        input=json.dumps(dict(arguments, verb=verb)) + "\n",
        stdout=subprocess.PIPE,
        text=True,
    )
    answer = json.loads(done.stdout)
    if "error" in answer:
        stop("%s: %s" % (answer["error"]["type"], answer["error"]["message"]))
    return answer


def systemctl(*arguments):
    return subprocess.run(["/usr/bin/systemctl", *arguments], stdout=subprocess.PIPE, text=True).stdout


def stop(reason):
    print("edge-train: %s" % reason, file=sys.stderr)
    sys.exit(1)
