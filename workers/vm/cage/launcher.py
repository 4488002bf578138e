"""The root-owned launcher: one call a connection of /run/edge-train/launcher.sock, one JSON line in, one JSON line out.

The worker may create, start, stop, ask about and remove jobs, have a folder made for an environment or an image, an image
sealed, and a model service started, led traffic to and retired; nothing that it sends becomes a path, a unit name or a setting before it has matched a strict pattern, and no number passes the policy's.
Verbs are idempotent. Failures: {"error": {"type": …, "message": …}}.
"""

import json
import re
import sys

sys.path.insert(0, "/opt/edge-train/cage")

import fronts  # noqa: E402
import images  # noqa: E402
import jobs  # noqa: E402
import services  # noqa: E402

MAX_REQUEST = 64 * 1024
VERBS = {
    "environment": (jobs.environment, [{"digest"}]),
    "image": (images.image, [{"digest"}]),
    "seal": (images.seal, [{"digest"}]),
    "create": (jobs.create, [{"job", "environment", "limits"}, {"job", "image", "limits"}]),
    "start": (jobs.start, [{"job"}]),
    "stop": (jobs.stop, [{"job", "reason"}]),
    "status": (jobs.status, [{"job"}]),
    "remove": (jobs.remove, [{"job"}]),
    "serve": (services.serve, [{"service", "front", "image", "memoryBytes"}]),
    "serving": (services.serving, [{"service"}]),
    "route": (services.route, [{"front", "service"}]),
    "unroute": (fronts.unroute, [{"front"}]),
    "retire": (services.retire, [{"service"}]),
    "settle": (services.settle, [{"front"}]),
}
MAY_TAKE = {"create": {"tracking"}}


def main():
    line = sys.stdin.buffer.readline(MAX_REQUEST + 1)
    try:
        verb, arguments = parse(line)
        answer = verb(**arguments)
    except jobs.Refused as refused:
        answer = {"error": {"type": refused.type, "message": str(refused)}}
    except images.NotSealed as refused:
        answer = {"error": {"type": "NotSealed", "message": str(refused)}}
    except Exception as error:  # the worker must hear of it; the details stay in this machine's journal
        print("edge-train launcher: %r" % (error,), file=sys.stderr)
        answer = {"error": {"type": "LauncherFailed", "message": "%s: %s" % (type(error).__name__, error)}}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def parse(line):
    if len(line) > MAX_REQUEST or not line.endswith(b"\n"):
        raise jobs.Refused("InvalidRequest", "a request is one line of at most %d bytes" % MAX_REQUEST)
    try:
        request = json.loads(line.decode("ascii"))
    except ValueError:
        raise jobs.Refused("InvalidRequest", "a request is a JSON object in ASCII")
    if not isinstance(request, dict) or not isinstance(request.get("verb"), str) or request["verb"] not in VERBS:
        raise jobs.Refused("InvalidRequest", "the verbs are %s" % ", ".join(sorted(VERBS)))
    name = request.pop("verb")
    verb, keys = VERBS[name]
    if set(request) - MAY_TAKE.get(name, set()) not in keys:
        takes = " or ".join(", ".join(sorted(each)) for each in keys)
        raise jobs.Refused("InvalidRequest", "this verb takes %s" % takes)
    patterns = {
        "job": r"[0-9a-f]{20}",
        "service": r"[0-9a-f]{20}",
        "front": r"[0-9a-f]{20}",
        "digest": r"[0-9a-f]{64}",
        "environment": r"[0-9a-f]{64}",
        "image": r"[0-9a-f]{64}",
        "tracking": r"[0-9a-f]{64}",
        "reason": r"[a-z][a-z-]{0,39}",
    }
    for key, pattern in patterns.items():
        if key in request and not (isinstance(request[key], str) and re.fullmatch(pattern, request[key])):
            raise jobs.Refused("InvalidRequest", "%s must match %s" % (key, pattern))
    return verb, request


if __name__ == "__main__":
    main()
