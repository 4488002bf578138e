"""Where a model is asked: its front, by which the traffic of one port is led to one service after another. Runs as root.

services/by-front/FRONT is a link to the service that a model's front leads to: moving it is the switch. Settings lie in /etc, and
fronts are enabled, so that a reboot changes nothing. By policy.json a front is asked on loopback (systemd-socket-proxyd), or on an
address of this machine, and then with TLS and a key (front.ts).
"""

import contextlib
import os
import re

import certificate
from jobs import Refused
from root_files import lock, read
from units import PERSISTENT, dropin, remove_dropin, systemctl, write_dropin

FRONTS = "/var/lib/edge-train/services/by-front"
LOOPBACK = "127.0.0.1"


def policy():
    allowed = (read("/etc/edge-train/policy.json") or {}).get("services")
    if not allowed:
        raise Refused("PolicyRefused", "this site lets no model serve on this machine")
    return allowed


def lead(front, service):
    """Leads the front to a service, by moving one link. A front keeps its port while the site has it; else it gets the lowest that is free."""
    allowed = policy()
    listen = allowed.get("listen", LOOPBACK)
    with lock("fronts"):
        port = kept_port(front, allowed["ports"]) or free_port(allowed["ports"])
        place = {"address": "http://%s:%d" % (LOOPBACK, port)}
        if listen != LOOPBACK:
            own = own_address(listen)
            place = {"address": "https://%s:%d" % (own, port), "certificate": certificate.of(own)}
        move_link(front, service)
        listen_at(front, listen, port)
    return dict(place, port=port, service=routed(front))


def move_link(front, service):
    new = "%s/.new-%s" % (FRONTS, front)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new)
    os.symlink("../" + service, new)
    os.rename(new, "%s/%s" % (FRONTS, front))


def listen_at(front, listen, port):
    """A front that listens elsewhere now ends its connections; one that stays where it is keeps them."""
    text = "[Socket]\nListenStream=%s:%d\n" % (listen, port)
    if listen != LOOPBACK:
        text += "FreeBind=yes\nService=%s\n" % tls_unit(front)
    if settings_of(front) not in (None, text):
        systemctl("stop", socket_unit(front), *carriers(front))
    write_dropin(socket_unit(front), text, PERSISTENT)
    systemctl("daemon-reload")
    systemctl("enable", "--quiet", socket_unit(front))
    begin(socket_unit(front))


def own_address(listen):
    """What callers dial. The launcher has no network to look at: edge-train-address.service does it."""
    started = systemctl("start", "edge-train-address.service")
    told = read("/run/edge-train/address/answer.json") or {}
    if started.returncode != 0 or told.get("listen") != listen:
        raise Refused("StartFailed", "edge-train-address.service does not say this machine's address; its journal says more")
    if told["address"] is None:
        raise Refused("PolicyRefused", "models shall listen on %s, and this machine has no such address" % listen)
    return told["address"]


def kept_port(front, ports):
    port = port_of(front)
    return port if port and ports[0] <= port <= ports[1] else None


def free_port(ports):
    first, last = ports
    taken = {port_of(front) for front in os.listdir(FRONTS)}
    for port in range(first, last + 1):
        if port not in taken:
            return port
    raise Refused("PolicyRefused", "all ports that this site has for models are taken: %d to %d" % (first, last))


def port_of(front):
    found = re.search(r"^ListenStream=[0-9.]+:(\d+)$", settings_of(front) or "", re.M)
    return int(found.group(1)) if found else None


def settings_of(front):
    with contextlib.suppress(FileNotFoundError):
        with open(dropin(socket_unit(front), PERSISTENT)) as file:
            return file.read()
    return None


def unroute(front):
    """Nobody answers at the front's port any more, and the port is free. Absent is fine."""
    with lock("fronts"):
        systemctl("disable", "--quiet", socket_unit(front))
        systemctl("stop", socket_unit(front), *carriers(front))
        with contextlib.suppress(FileNotFoundError):
            os.unlink("%s/%s" % (FRONTS, front))
        remove_dropin(socket_unit(front), PERSISTENT)
        systemctl("daemon-reload")
        systemctl("reset-failed", socket_unit(front), *carriers(front))
    return {"service": None}


def routed(front):
    try:
        return os.path.basename(os.readlink("%s/%s" % (FRONTS, front)))
    except FileNotFoundError:
        return None


def carriers(front):
    return ["edge-train-front@%s.service" % front, tls_unit(front)]


def socket_unit(front):
    return "edge-train-front@%s.socket" % front


def tls_unit(front):
    return "edge-train-tls-front@%s.service" % front


def begin(name):
    systemctl("reset-failed", name)
    begun = systemctl("start", name)
    if begun.returncode != 0:
        raise Refused("StartFailed", "systemd could not start %s; journalctl -u %s says more" % (name, name))
