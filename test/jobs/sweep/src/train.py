"""The middle rate is the best one; the greatest fails, and ends no other trial; another does badly, and is stopped."""

import argparse
import pathlib
import time

import mlflow

parser = argparse.ArgumentParser()
for name in ("rate", "kind", "rounds", "model"):
    parser.add_argument(f"--{name}")
given = parser.parse_args()
assert (given.kind, given.rounds) == ("plain", "3"), given
assert given.rate in ("1e-05", "1.0", "4", "2"), given
assert given.rate != "4", "too great a rate"

with mlflow.start_run():
    mlflow.log_param("rate", given.rate)
    if given.rate == "2":
        mlflow.log_metric("score", 0.1)
        time.sleep(120)
        raise SystemExit("nobody has stopped it")
    mlflow.log_metric("score", float(given.rate))

model = pathlib.Path(given.model)
model.mkdir(parents=True, exist_ok=True)
(model / "score.py").write_text(
    f"RATE = {given.rate}\n\n\ndef init():\n    pass\n\n\ndef run(data):\n    return data\n"
)
