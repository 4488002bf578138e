"""Stands in for a model's server, in an image: says which service it is, answers slowly when asked to, tries the ways out."""

import http.server
import json
import os
import re
import subprocess
import sys
import time
import urllib.parse

UNIT = re.search("edge-train-serve@([0-9a-f]{20})", open("/proc/self/cgroup").read()).group(1)


slow = 0


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/die":
            os._exit(3)
        global slow
        if "seconds" in query:
            slow += 1
            time.sleep(float(query["seconds"]))
        answer = {"service": UNIT, "flavour": os.environ.get("FLAVOUR"), "folder": os.getcwd(), "uid": os.getuid(), "slow": slow, "told": sorted(name.lower() for name in self.headers)}
        if url.path == "/probe":
            done = subprocess.run([sys.executable, "/opt/probe.py", query["given"]], capture_output=True, text=True)
            answer = json.loads(done.stdout)
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


http.server.ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Handler).serve_forever()
