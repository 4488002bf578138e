"""What a script tries to get of its tracking beside answers to requests; prints each way and how it ended, as JSON."""

import errno
import http.client
import json
import os
import socket
import sys

other, server = sys.argv[1], int(sys.argv[2])


def outcome(function):
    try:
        return function() or "open"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error.errno))


def connect(path):
    return lambda: socket.socket(socket.AF_UNIX).connect(path)


def creates(path):
    return lambda: os.close(os.open(path, os.O_WRONLY | os.O_CREAT))


def listens():
    path = "/job/relay/mlflow.sock"
    os.unlink(path)
    socket.socket(socket.AF_UNIX).bind(path)


def puts(path):
    """An artifact with a path of the script's choice."""

    def put():
        connection = http.client.HTTPConnection("127.0.0.1", 5000, timeout=60)
        connection.request("PUT", "/api/2.0/mlflow-artifacts/artifacts/" + path, b"x")
        return str(connection.getresponse().status)

    return put


ATTEMPTS = {
    "another's socket": connect("/var/lib/edge-train/jobs/%s/relay/mlflow.sock" % other),
    "own socket, by its path on the VM": connect("/var/lib/edge-train/jobs/%s/relay/mlflow.sock" % os.environ["AZUREML_RUN_ID"]),
    "own store": lambda: os.listdir("/var/lib/edge-train/jobs/%s/tracking" % os.environ["AZUREML_RUN_ID"]),
    "a file beside the socket": creates("/job/relay/x"),
    "another socket": listens,
    "another's server, signalled": lambda: os.kill(server, 0),
    "another's server, looked into": lambda: os.listdir("/proc/%d/root" % server),
    "an artifact above the store": puts("..%2f..%2fetc%2fx"),
    "an artifact above the store, twice encoded": puts("..%252f..%252fetc%252fx"),
}
print(json.dumps({name: outcome(function) for name, function in ATTEMPTS.items()}))
