"""The key and the certificate of a machine's fronts, made here, by root: the key never leaves the machine.

Both lie in one file, for root and the fronts' group, so that they always fit together; fronts read it anew when it changes. The
certificate is its own authority, and nobody else's: who asks a model trusts it by a copy.
"""

import os
import re
import shutil
import socket
import subprocess

from jobs import Refused
from root_files import ensure, hand_over

FOLDER = "/etc/edge-train/front"
PAIR = FOLDER + "/pair.pem"
GROUP = "edge-train-front"
DAYS = 3650
# It is made anew by a deployment that finds it so near its end: callers need another copy then.
LEAST_DAYS_LEFT = 365
# Of our own, since a distribution's openssl.cnf makes a certificate that may sign others.
REQUEST = """
[req]
distinguished_name = name
prompt = no
x509_extensions = server
[name]
O = edge-train
CN = %s
[server]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = DNS:%s, IP:%s
subjectKeyIdentifier = hash
"""


def of(address):
    """The PEM that names this address; made where there is none, where it names another, or where it soon ends."""
    ensure(FOLDER, "root", GROUP, 0o750)
    if not (os.path.exists(PAIR) and is_good(address)):
        make(address)
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
    with open(new + "/request.cnf", "w") as file:
        file.write(REQUEST % (host[:64], host, address))
    made = openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256", "-days", str(DAYS)),
        *("-config", new + "/request.cnf"),
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
