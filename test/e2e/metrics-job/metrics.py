"""Logs 300 steps of two metrics, as training loops do, in so many seconds, and leaves a confusion matrix."""

import json
import pathlib
import sys
import time

import mlflow

SCORE = "def init():\n    pass\n\n\ndef run(data):\n    return data\n"

data, seconds, model = sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3])
with mlflow.start_run():
    for step in range(300):
        mlflow.log_metrics({"loss": 1 / (step + 3), "val/accuracy": 1 - 1 / (step + 7)}, step=step)
        time.sleep(seconds / 300)
    matrix = pathlib.Path("confusion_matrix.json")
    matrix.write_text(json.dumps({"labels": ["benign", "malignant"], "matrix": [[106, 2], [5, 58]]}))
    mlflow.log_artifact(str(matrix))
model.mkdir(parents=True, exist_ok=True)
(model / "score.py").write_text(SCORE)
(model / "rows.json").write_text(json.dumps({"metrics": len(pathlib.Path(data).read_text().splitlines())}))
