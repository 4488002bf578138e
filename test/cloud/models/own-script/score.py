"""A user's own entry script: Azure ML's contract and nothing of MLflow's."""

import json
import os
import pathlib

weights = {}


def init():
    weights.update(json.loads((pathlib.Path(os.environ["AZUREML_MODEL_DIR"]) / "weights.json").read_text()))


def run(raw_data):
    rows = json.loads(raw_data)["data"]
    return [sum(value * weights[name] for name, value in row.items()) for row in rows]
