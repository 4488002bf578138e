"""Writes a line a second, so that a test can see whether a second was repeated; then writes a small model.
It needs no package: environment and image are soon made, since what is tested goes on around them.

With RESUMES it keeps a checkpoint of the second that comes next, and goes on from it. With BULK there is much to look through.
With GROWS it needs for a moment more memory than the smallest VM has. With LOGS, which needs MLflow, it logs what it did.
"""

import json
import os
import pathlib
import random
import sys
import time

SCORE = "def init():\n    pass\n\n\ndef run(data):\n    return data\n"

data, seconds, model = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3])
checkpoint = os.path.join(os.environ["AZUREML_CHECKPOINT_DIR"], "next-second")


def resume():
    if "RESUMES" not in os.environ or not os.path.exists(checkpoint):
        return 0
    with open(checkpoint) as file:
        return int(file.read())


for second in range(resume(), seconds):
    print(f"second {second}", flush=True)
    time.sleep(1)
    if "RESUMES" in os.environ and second % 4 == 3:
        with open(checkpoint + ".tmp", "w") as file:
            file.write(str(second + 1))
        os.replace(checkpoint + ".tmp", checkpoint)
    if "GROWS" in os.environ and second == 9:
        print(len(b"x" * (3300 << 20)), "bytes", flush=True)
if "LOGS" in os.environ:
    import mlflow

    with mlflow.start_run():
        mlflow.log_param("seconds", seconds)
        mlflow.log_metric("written", seconds)
rows = len(pathlib.Path(data).read_text().splitlines())
model.mkdir(parents=True, exist_ok=True)
(model / "score.py").write_text(SCORE)
(model / "rows.json").write_text(json.dumps({"rows": rows, "seconds": seconds}))
if "BULK" in os.environ:
    (model / "bulk.json").write_text(json.dumps([random.random() for _ in range(2_500_000)]))
