"""Logs a metric each time that the test makes the next file `go-N`; ends when it makes `end`."""

import os
import time

import mlflow

with mlflow.start_run():
    for step in range(1, 1000):
        while not os.path.exists("go-%d" % step):
            if os.path.exists("end"):
                raise SystemExit(0)
            time.sleep(0.05)
        mlflow.log_metric("steps", step, step=step)
        print("logged %d" % step)
