"""What the launcher does to model services: start, traffic and end. Runs as root; callers have checked every name.

/var/lib/edge-train/services/SERVICE is root's: terms.json, spec (the image's config), socket (the service's own socket, shared by
group). Settings lie in /etc, and services are enabled, so that a reboot changes nothing. Where they are asked: fronts.py.
"""

import contextlib
import os
import re
import shutil

import fronts
import images
import stock
from fronts import begin, policy, routed
from jobs import MIB, Refused
from root_files import ensure, lock, lock_path, read, write
from units import PERSISTENT, remove_dropin, systemctl, write_dropin

HOME = "/var/lib/edge-train"
SERVICES = HOME + "/services"
LEAST_MEMORY = 64 * MIB
UNIT = "/etc/systemd/system/edge-train-serve@.service"
IMAGE_FILE = "image.json"


def serve(service, front, image, memoryBytes):
    """Starts the image's server, for the front to be led to later. What runs with the same terms goes on running."""
    terms = {"front": front, "image": image, "memoryBytes": allowed_memory(memoryBytes)}
    spec = spec_of(image)
    with lock("service-" + service):
        path = folder(service)
        there = read(path + "/terms.json")
        if there not in (None, terms):
            raise Refused("InvalidRequest", "the service %s is there with other terms" % service)
        stock.touch(image)
        make_folders(path)
        write(path + "/spec/image.json", spec)
        write(path + "/terms.json", terms)
        write_dropin(unit(service), settings(terms), PERSISTENT)
        systemctl("daemon-reload")
        systemctl("enable", "--quiet", unit(service))
        begin(unit(service))
    return dict(standing(service), path=path, routed=routed(front))


def make_folders(path):
    ensure(path, "root", "edge-train-job", 0o750)
    ensure(path + "/spec", "root", "root", 0o755)
    ensure(path + "/socket", "root", "edge-train-job", 0o2770)


def spec_of(image):
    """What the image's config says of its server; the worker wrote it before the seal, and it is read as what it must be."""
    spec = read("%s/%s/%s" % (images.IMAGES, image, IMAGE_FILE))
    if not os.path.isdir(images.tree_of(image)) or not isinstance(spec, dict):
        raise Refused("InvalidRequest", "there is no image %s" % image)
    texts = lambda value: isinstance(value, list) and all(isinstance(each, str) and "\0" not in each for each in value)  # noqa: E731
    ok = texts(spec.get("entrypoint")) and texts(spec.get("command")) and spec["entrypoint"] + spec["command"]
    ok = ok and type(spec.get("port")) is int and 0 < spec["port"] < 65536
    ok = ok and isinstance(spec.get("variables"), dict) and isinstance(spec.get("workingDirectory"), str)
    if not ok:
        raise Refused("NotServable", "the image %s says no program, or no one port, to serve with" % image[:12])
    return spec


def allowed_memory(wanted):
    if type(wanted) is not int or wanted < LEAST_MEMORY:
        raise Refused("InvalidRequest", "memoryBytes must be a whole number of at least %d" % LEAST_MEMORY)
    if wanted > policy()["memoryBytes"]:
        raise Refused("PolicyRefused", "memoryBytes is %d, and this site allows %d" % (wanted, policy()["memoryBytes"]))
    return wanted


def settings(terms):
    lines = ["[Service]", "MemoryMax=%d" % terms["memoryBytes"], *images.view_of_image(terms["image"], UNIT)]
    return "".join(line + "\n" for line in lines)


def route(front, service):
    """Leads the front to one of its services; says where it is asked."""
    if (read(folder(service) + "/terms.json") or {}).get("front") != front:
        raise Refused("InvalidRequest", "there is no service %s of this front" % service)
    return fronts.lead(front, service)


def retire(service):
    """Lets what is under way end, then removes the service. Absent is fine; one that a front leads to is refused."""
    with lock("service-" + service):
        front = (read(folder(service) + "/terms.json") or {}).get("front")
        if front and routed(front) == service:
            raise Refused("ServiceRouted", "the front %s leads to the service %s" % (front, service))
        systemctl("disable", "--quiet", unit(service))
        systemctl("stop", unit(service))
        if os.path.isdir(folder(service)):
            shutil.rmtree(folder(service))
        remove_dropin(unit(service), PERSISTENT)
        systemctl("daemon-reload")
        systemctl("reset-failed", unit(service))
    with contextlib.suppress(FileNotFoundError):
        os.unlink(lock_path("service-" + service))
    return {"state": "absent"}


def settle(front):
    """Every service of the front but the one that it leads to is retired: those of deployments that died, too."""
    kept = routed(front)
    retired = [service for service in of_front(front) if service != kept]
    for service in retired:
        retire(service)
    return {"service": kept, "retired": retired}


def of_front(front):
    names = [name for name in os.listdir(SERVICES) if re.fullmatch("[0-9a-f]{20}", name)]
    return sorted(name for name in names if (read(folder(name) + "/terms.json") or {}).get("front") == front)


def serving(service):
    return standing(service)


def standing(service):
    terms = read(folder(service) + "/terms.json")
    if not terms:
        return {"state": "absent"}
    shown = systemctl("show", "-p", "ActiveState", "-p", "NRestarts", "-p", "InvocationID", unit(service)).stdout
    values = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    return {
        "state": "running" if values.get("ActiveState") == "active" else "down",
        # A number that changes whenever it was started anew, by whomever.
        "restarts": int(values.get("NRestarts") or 0),
        "invocation": values.get("InvocationID", ""),
        "image": terms["image"],
    }


def images_in_use():
    """For the stock, which keeps what a service needs."""
    names = [name for name in os.listdir(SERVICES) if re.fullmatch("[0-9a-f]{20}", name)] if os.path.isdir(SERVICES) else []
    return {(read(folder(name) + "/terms.json") or {}).get("image") for name in names}


def unit(service):
    return "edge-train-serve@%s.service" % service


def folder(service):
    return "%s/%s" % (SERVICES, service)
