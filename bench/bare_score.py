"""The least that serves the same model: what `bench scoring` compares the images' own entry script with."""

import json
import os

import mlflow.pyfunc
import pandas as pd

model = None


def init():
    global model
    model = mlflow.pyfunc.load_model(os.environ["AZUREML_MODEL_DIR"])


def run(raw):
    table = json.loads(raw)["input_data"]
    return model.predict(pd.DataFrame(table["data"], columns=table["columns"])).tolist()
