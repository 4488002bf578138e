import os
from concurrent.futures import ThreadPoolExecutor

import mlflow
import numpy
from mlflow import MlflowClient
from sklearn.linear_model import LogisticRegression

mlflow.autolog()
rows = numpy.random.default_rng(7).normal(size=(200, 3))
labels = (rows[:, 0] > 0).astype(int)
with open("big.bin", "wb") as file:
    file.write(os.urandom(50 << 20))

with mlflow.start_run() as run:
    model = LogisticRegression(C=0.5).fit(rows, labels)
    with mlflow.start_run(nested=True):
        mlflow.log_param("inner", 1)
    mlflow.log_artifact("big.bin")
    mlflow.log_dict({"a": [1]}, "deep/er/a.json")
    mlflow.sklearn.log_model(model, "classifier", input_example=rows[:2])
    client = MlflowClient()
    with ThreadPoolExecutor(100) as pool:
        list(pool.map(lambda step: client.log_metric(run.info.run_id, "many", step, step=step), range(100)))
    for step in range(100):
        mlflow.log_metric("last", step, step=step)

run_id = run.info.run_id
assert client.download_artifacts(run_id, "deep/er/a.json")
assert os.path.getsize(client.download_artifacts(run_id, "big.bin")) == 50 << 20
assert sorted(m.step for m in client.get_metric_history(run_id, "many")) == list(range(100))
assert client.get_run(run_id).info.status == "FINISHED"
assert len(mlflow.search_runs()) == 2
loaded = mlflow.sklearn.load_model("runs:/%s/classifier" % run_id)
assert (loaded.predict(rows) == model.predict(rows)).all()
if hasattr(mlflow, "search_logged_models"):
    models = mlflow.search_logged_models(output_format="list")
    assert {m.status for m in models} == {"READY"} and len(models) == 2, models
