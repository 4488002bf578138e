"""Writes a line a second, so that a test can see whether a second was repeated; then saves a small model.

With RESUMES it keeps a checkpoint of the second that comes next, and goes on from it. With BULK there is much to look through.
With GROWS it needs for a moment more memory than the smallest VM has.
"""

import json
import os
import random
import sys
import time

import mlflow
import pandas as pd
from sklearn.dummy import DummyClassifier

data, seconds, model = sys.argv[1], int(sys.argv[2]), sys.argv[3]
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
table = pd.read_csv(data)
features = table[["mean_radius"]]
fitted = DummyClassifier().fit(features, table["diagnosis"])
with mlflow.start_run():
    mlflow.log_metric("seconds", seconds)
mlflow.sklearn.save_model(fitted, model, pip_requirements=["mlflow", "scikit-learn", "pandas"])
if "BULK" in os.environ:
    with open(os.path.join(model, "bulk.json"), "w") as file:
        json.dump([random.random() for _ in range(2_500_000)], file)
