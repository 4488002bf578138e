"""Logs metrics by the relay and by the server's socket, in turn, as an MLflow client does; prints both times in milliseconds."""

import http.client
import json
import socket
import sys
import time


class Direct(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect("/job/relay/mlflow.sock")


class Relayed(http.client.HTTPConnection):
    def connect(self):
        super().connect()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as urllib3 does


def post(connection, verb, body):
    begun = time.perf_counter()
    connection.request("POST", "/api/2.0/mlflow/" + verb, json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise SystemExit("%d %s" % (answer.status, text))
    return json.loads(text), (time.perf_counter() - begun) * 1000


relayed, direct = Relayed("127.0.0.1", 5000, timeout=300), Direct("localhost", timeout=300)
run = post(relayed, "runs/create", {"experiment_id": "0"})[0]["run"]["info"]["run_id"]
times = {"relayed": [], "direct": []}
for step in range(int(sys.argv[1]) + 20):
    for name, connection in (("relayed", relayed), ("direct", direct)):
        metric = {"run_id": run, "key": name, "value": step, "timestamp": 1, "step": step}
        took = post(connection, "runs/log-metric", metric)[1]
        if step >= 20:
            times[name].append(took)
print(json.dumps(times))
