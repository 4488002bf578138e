"""What the worker does, for tests: runs a list of steps against the launcher and prints what each gave, one JSON line each.

Steps: ["call", request or text], ["spec", job, spec], ["wait", job], ["log", job], ["sh", script].
"""

import json
import socket
import subprocess
import sys
import time

DEADLINE = 120


def call(request):
    s = socket.socket(socket.AF_UNIX)
    s.connect("/run/edge-train/launcher.sock")
    s.sendall((request if isinstance(request, str) else json.dumps(request) + "\n").encode())
    s.shutdown(socket.SHUT_WR)
    data = b""
    while True:
        block = s.recv(65536)
        if not block:
            return json.loads(data)
        data += block


def spec(job, value):
    with open("/var/lib/edge-train/jobs/%s/spec/spec.json" % job, "w") as file:
        json.dump(value, file)


def wait(job):
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        status = call({"verb": "status", "job": job})
        if status["state"] != "running":
            return status
        time.sleep(0.05)
    raise TimeoutError("%s still runs after %d s" % (job, DEADLINE))


def log(job):
    with open("/var/lib/edge-train/jobs/%s/logs/job.log" % job, errors="replace") as file:
        return file.read()


def sh(script):
    done = subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return {"code": done.returncode, "output": done.stdout}


for name, *arguments in json.load(sys.stdin):
    print(json.dumps({"call": call, "spec": spec, "wait": wait, "log": log, "sh": sh}[name](*arguments)))
