"""Writes a line a second, so that a test can see whether a second was repeated; then saves a small model."""

import sys
import time

import mlflow
import pandas as pd
from sklearn.dummy import DummyClassifier

data, seconds, model = sys.argv[1], int(sys.argv[2]), sys.argv[3]
for second in range(seconds):
    print(f"second {second}", flush=True)
    time.sleep(1)
table = pd.read_csv(data)
features = table[["mean_radius"]]
fitted = DummyClassifier().fit(features, table["diagnosis"])
with mlflow.start_run():
    mlflow.log_metric("seconds", seconds)
mlflow.sklearn.save_model(fitted, model, pip_requirements=["mlflow", "scikit-learn", "pandas"])
