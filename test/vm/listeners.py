"""Answers on every way that the probe tries, outside the cage, and is the process that it tries to get at. Prints its ports, then serves until it is killed."""

import ctypes
import json
import os
import socket
import threading


def serve(s):
    s.listen(16)
    while True:
        peer = s.accept()[0]
        peer.recv(1)
        peer.close()


def echo(s):
    while True:
        data, sender = s.recvfrom(100)
        s.sendto(data, sender)


tcp = socket.create_server(("0.0.0.0", 0))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("0.0.0.0", 0))
abstract = socket.socket(socket.AF_UNIX)
abstract.bind("\0edge-train-test")
if os.path.exists("/run/edge-train-test.sock"):
    os.unlink("/run/edge-train-test.sock")
unix = socket.socket(socket.AF_UNIX)
unix.bind("/run/edge-train-test.sock")
os.chmod("/run/edge-train-test.sock", 0o777)
# As of another job: what its script logs to, and where that is kept.
other = "/var/lib/edge-train/jobs/" + "e" * 20
for folder in ("/relay", "/tracking/runs"):
    os.makedirs(other + folder, exist_ok=True)
tracking = socket.socket(socket.AF_UNIX)
tracking.bind(other + "/relay/mlflow.sock")
os.chmod(other + "/relay/mlflow.sock", 0o777)
for path in ("/dev/shm/edge-train-test", "/tmp/edge-train-test"):
    with open(path, "w"):
        os.chmod(path, 0o666)
memory = ctypes.create_string_buffer(b"another")
key = 0xED6E
ctypes.CDLL(None).shmget(key, 4096, 0o1666)
told = {"tcp": tcp.getsockname()[1], "udp": udp.getsockname()[1], "pid": os.getpid(), "key": key, "other": other}
with open("/run/edge-train-test.ports.new", "w") as file:
    json.dump({**told, "memory": ctypes.addressof(memory)}, file)
os.rename("/run/edge-train-test.ports.new", "/run/edge-train-test.ports")
for s in (tcp, abstract, unix, tracking):
    threading.Thread(target=serve, args=(s,), daemon=True).start()
echo(udp)
