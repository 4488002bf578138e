"""What waagent and CustomScript 2.1 do with one set of settings: download, then run as root, once.

  start   reads {id, fileUris, commandToExecute, environment} as JSON from standard input; starts the work as a service of
          its own, which outlives whoever asked. An id that was started before is not started again.
  run ID  is that service.
  wait ID waits for the end and prints {exitCode, stdout, stderr}.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request

HOME = pathlib.Path("/var/lib/waagent/custom-script")
TAIL = 64 * 1024
LONGEST = 90 * 60  # seconds, as Azure allows


def main(verb, *arguments):
    HOME.mkdir(mode=0o700, parents=True, exist_ok=True)
    {"start": start, "run": run, "wait": wait}[verb](*arguments)


def start():
    given = json.load(sys.stdin)
    settings = HOME / "settings" / f"{given['id']}.json"
    if not settings.exists():
        publish(settings, json.dumps(given))
    if not mark(given["id"]).exists() and not state(given["id"]).exists():
        command = ["systemd-run", "--quiet", "--collect", f"--unit={unit(given['id'])}", f"--property=RuntimeMaxSec={LONGEST}"]
        me = [sys.executable, "-I", os.path.abspath(__file__), "run", given["id"]]
        started = subprocess.run([*command, *me], capture_output=True, text=True)
        if started.returncode != 0 and not active(given["id"]) and not state(given["id"]).exists():
            raise SystemExit(f"the script's service could not be started: {started.stderr.strip()}")


def run(id):
    with open(mark(id), "x"):  # a second start of the same settings ends here
        pass
    given = json.loads((HOME / "settings" / f"{id}.json").read_text())
    folder = HOME / "download" / "0"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    with open(folder / "stdout", "wb") as out, open(folder / "stderr", "wb") as err:
        code = download(given["fileUris"], folder, err) or execute(given, folder, out, err)
    result = {"exitCode": code, "stdout": tail(folder / "stdout"), "stderr": tail(folder / "stderr")}
    publish(state(id), json.dumps(result))


def download(uris, folder, err):
    for uri in uris:
        name = pathlib.PurePosixPath(urllib.parse.unquote(urllib.parse.urlsplit(uri).path)).name
        for attempt in range(5):
            try:
                with urllib.request.urlopen(uri, timeout=60) as answer, open(folder / name, "wb") as file:
                    shutil.copyfileobj(answer, file, 1024 * 1024)
                os.chmod(folder / name, 0o500)
                break
            except Exception as error:  # the query of a uri is a credential: never in a message
                where = uri.split("?")[0]
                err.write(f"download of {where} failed ({attempt + 1} of 5): {type(error).__name__}: {error}\n".encode())
                err.flush()
                if attempt == 4:
                    return 53  # CustomScript's own code for a download that failed
                time.sleep(2**attempt / 2)
    return 0


def execute(given, folder, out, err):
    script = folder / ".command.sh"
    with open(os.open(script, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(given["commandToExecute"] + "\n")
    environment = {**os.environ, "HOME": "/root", **(given.get("environment") or {})}
    null = subprocess.DEVNULL
    code = subprocess.run(["/bin/sh", str(script)], cwd=folder, env=environment, stdin=null, stdout=out, stderr=err).returncode
    return code if code >= 0 else 128 - code


def wait(id):
    """A start mark, no result and no service: the machine went down in the middle. waagent does not run it again either."""
    while not state(id).exists():
        if not active(id) and not state(id).exists():
            text = "the script was ended before it was done: the machine stopped, or the time of 90 minutes was over"
            publish(state(id), json.dumps({"exitCode": 255, "stdout": "", "stderr": text}))
        time.sleep(0.1)
    print(state(id).read_text())


def active(id):
    return subprocess.run(["systemctl", "is-active", "--quiet", unit(id)]).returncode == 0


def unit(id):
    return f"waagent-custom-script-{id}.service"


def mark(id):
    return HOME / f"{id}.started"


def state(id):
    return HOME / f"{id}.result.json"


def tail(path):
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL))
        return file.read().decode("utf-8", "replace")


def publish(path, text):
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)


main(*sys.argv[1:])
