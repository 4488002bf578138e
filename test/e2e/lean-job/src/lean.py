"""As the slow job, a line a second, with one small package: for tests of what happens around training."""

import json
import pathlib
import sys
import time

import mlflow

SCORE = "def init():\n    pass\n\n\ndef run(data):\n    return data\n"

data, seconds, model = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3])
for second in range(seconds):
    print(f"second {second}", flush=True)
    time.sleep(1)
with mlflow.start_run():
    mlflow.log_param("seconds", seconds)
    mlflow.log_metric("written", seconds)
rows = len(pathlib.Path(data).read_text().splitlines())
model.mkdir(parents=True, exist_ok=True)
(model / "score.py").write_text(SCORE)
(model / "rows.json").write_text(json.dumps({pathlib.Path("model-name.txt").read_text().strip(): rows}))
