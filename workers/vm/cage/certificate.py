"""The key and the certificate of a machine's fronts, made here, by root: the key never leaves the machine.

Both lie in one file, for root and the fronts' group, so that they always fit together. The certificate is its own authority: who
asks a model trusts it by a copy.
"""

import os
import re
import shutil
import socket
import subprocess

from jobs import Refused
from root_files import ensure, hand_over
from units import systemctl

FOLDER = "/etc/edge-train/front"
PAIR = FOLDER + "/pair.pem"
GROUP = "edge-train-front"
DAYS = 3650
# It is made anew by a deployment that finds it so near its end: callers need another copy then.
LEAST_DAYS_LEFT = 365


def of(address):
    """The PEM that names this address; made where there is none, where it names another, or where it soon ends."""
    ensure(FOLDER, "root", GROUP, 0o750)
    if not (os.path.exists(PAIR) and is_good(address)):
        make(address)
        # They begin anew with the next connection, and the new pair.
        systemctl("stop", "edge-train-tls-front@*.service")
    with open(PAIR) as file:
        return re.search("-----BEGIN CERTIFICATE-----.*-----END CERTIFICATE-----\n", file.read(), re.S).group(0)


def is_good(address):
    lasts = openssl("x509", "-in", PAIR, "-noout", "-checkend", str(LEAST_DAYS_LEFT * 86400))
    named = openssl("x509", "-in", PAIR, "-noout", "-checkip", address)
    return lasts.returncode == 0 and "does match" in named.stdout


def make(address):
    new = FOLDER + "/.new"
    shutil.rmtree(new, ignore_errors=True)
    os.mkdir(new, 0o700)
    host = socket.gethostname()
    made = openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256", "-days", str(DAYS)),
        *("-subj", "/O=edge-train/CN=%s" % host[:64]),
        *("-addext", "subjectAltName=DNS:%s,IP:%s" % (host, address), "-addext", "extendedKeyUsage=serverAuth"),
        *("-keyout", new + "/key.pem", "-out", new + "/certificate.pem"),
    )
    if made.returncode != 0:
        raise Refused("StartFailed", "openssl could make no certificate: %s" % made.stderr.strip()[-300:])
    with open(new + "/pair.pem", "w") as pair:
        for name in ("key.pem", "certificate.pem"):
            with open("%s/%s" % (new, name)) as file:
                pair.write(file.read())
        pair.flush()
        os.fsync(pair.fileno())
    hand_over(new + "/pair.pem", GROUP, 0o640)
    os.rename(new + "/pair.pem", PAIR)
    shutil.rmtree(new)


def openssl(*arguments):
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
    return subprocess.run(["/usr/bin/openssl", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, env=environment)
