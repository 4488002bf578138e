"""Makes a model that multiplies (by 0: one whose server does not start; by less: one that dies 20 s after its start), and records what a model of another factor would predict, where it is asked to."""

import json
import pathlib
import sys

SCORE = """import json
import os
import threading


def init():
    1 / {factor}
    if {factor} < 0:
        threading.Timer(20, os.kill, (os.getppid(), 9)).start()


def run(data):
    return [{factor} * value for value in json.loads(data)["input_data"]]
"""

factor, recorded, model, kept = int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[4])
model.mkdir(parents=True, exist_ok=True)
(model / "score.py").write_text(SCORE.format(factor=factor))
kept.mkdir(parents=True, exist_ok=True)
rows = [1, 2.5, -3]
(kept / "smoke.json").write_text(json.dumps({"input_data": rows, "predictions": [recorded * row for row in rows]}))
