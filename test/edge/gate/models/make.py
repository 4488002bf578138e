"""Made the models in this folder from examples/breast-cancer/data/wdbc.csv: real ones, as their libraries save them.

uv run --python 3.11 --with 'scikit-learn==1.5.2' --with 'numpy<2' --with pandas --with joblib --with 'mlflow-skinny<3' \
  --with safetensors --with onnx --with skl2onnx --with skops --with lightgbm==4.6.0 --with xgboost-cpu==3.0.2 test/edge/gate/models/make.py
"""

import json
import pickle
import shutil
from pathlib import Path

import joblib
import lightgbm
import mlflow
import numpy as np
import pandas as pd
import skops.io
import xgboost
from mlflow.models import infer_signature
from safetensors.numpy import save_file
from skl2onnx import to_onnx
from sklearn.cluster import KMeans
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

here = Path(__file__).parent
table = pd.read_csv(here / "../../../../examples/breast-cancer/data/wdbc.csv")
x, y = table.drop(columns=["patient_id", "diagnosis"]), table["diagnosis"]
scaled = lambda estimator: make_pipeline(StandardScaler(), estimator).fit(x, y)  # noqa: E731


def main() -> None:
    for kind in ("clean", "storing"):
        shutil.rmtree(here / kind, ignore_errors=True)
        (here / kind).mkdir()
    clean, storing = here / "clean", here / "storing"

    logistic = scaled(LogisticRegression(max_iter=1000))
    mlflow.sklearn.save_model(
        logistic, clean / "mlflow", signature=infer_signature(x, logistic.predict(x)), pip_requirements=["scikit-learn==1.5.2"]
    )
    pickled(clean / "forest.pkl", RandomForestClassifier(5, max_depth=4, random_state=7).fit(x, y))
    pickled(clean / "boosting.pkl", GradientBoostingClassifier(n_estimators=8, random_state=7).fit(x, y))
    pickled(clean / "histogram-boosting.pkl", HistGradientBoostingClassifier(max_iter=5, max_bins=32).fit(x, y))
    pickled(clean / "tree.pkl", DecisionTreeClassifier(random_state=7).fit(x, y))
    pickled(clean / "network.pkl", scaled(MLPClassifier((8,), max_iter=200, random_state=7)))
    pickled(clean / "clusters.pkl", KMeans(3, n_init=2, random_state=7).fit(x))
    joblib.dump(logistic, clean / "logistic.joblib")
    skops.io.dump(logistic, clean / "logistic.skops")
    sick = (y == "M").astype(int)
    boosted = lightgbm.LGBMClassifier(n_estimators=5, num_leaves=7, verbose=-1, n_jobs=1).fit(x, sick)
    boosted.booster_.save_model(clean / "boosting.lgb")
    extreme = xgboost.XGBClassifier(n_estimators=5, max_depth=3, n_jobs=1).fit(x, sick)
    for kind in ("ubj", "json"):
        extreme.save_model(clean / f"boosting.{kind}")
    first = x[:1].to_numpy(np.float32)
    (clean / "logistic.onnx").write_bytes(to_onnx(scaled_numpy(LogisticRegression(max_iter=1000)), first).SerializeToString())
    (clean / "tree.onnx").write_bytes(
        to_onnx(DecisionTreeClassifier(max_depth=4).fit(x.to_numpy(), y), first).SerializeToString()
    )
    weights = {"coef": logistic[-1].coef_.astype(np.float32), "mean": logistic[0].mean_, "scale": logistic[0].scale_}
    save_file(weights, clean / "logistic.safetensors", metadata={"format": "np"})
    card = {name: values.tolist() for name, values in weights.items()} | {"columns": list(x.columns)}
    (clean / "card.json").write_text(json.dumps(card, indent=1))

    pickled(storing / "neighbours.pkl", KNeighborsClassifier().fit(x[:40], y[:40]))
    pickled(storing / "neighbours-pipeline.pkl", make_pipeline(StandardScaler(), KNeighborsClassifier()).fit(x[:40], y[:40]))
    pickled(storing / "support-vectors.pkl", make_pipeline(StandardScaler(), SVC()).fit(x[:60], y[:60]))
    pickled(storing / "gaussian-process.pkl", make_pipeline(StandardScaler(), GaussianProcessClassifier()).fit(x[:40], y[:40]))
    joblib.dump(make_pipeline(StandardScaler(), SVC()).fit(x[:60], y[:60]), storing / "support-vectors.joblib")
    skops.io.dump(make_pipeline(StandardScaler(), SVC()).fit(x[:60], y[:60]), storing / "support-vectors.skops")
    onnx = to_onnx(make_pipeline(StandardScaler(), SVC()).fit(x[:60].to_numpy(), y[:60]), first)
    (storing / "support-vectors.onnx").write_bytes(onnx.SerializeToString())


def pickled(path: Path, estimator: object) -> None:
    path.write_bytes(pickle.dumps(estimator))


def scaled_numpy(estimator):
    return make_pipeline(StandardScaler(), estimator).fit(x.to_numpy(), y)


if __name__ == "__main__":
    main()
