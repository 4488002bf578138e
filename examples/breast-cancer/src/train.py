"""Trains a classifier on the Wisconsin diagnostic breast cancer data: an ordinary Azure ML training script."""

import argparse
import json
from importlib.metadata import version
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

REQUIREMENTS = ["cloudpickle", "mlflow-skinny", "numpy", "pandas", "scikit-learn", "scipy"]


def main() -> None:
    args = parse_args()
    mlflow.autolog(log_models=False)

    table = pd.read_csv(args.data)
    # Who the patient is teaches nothing and must not reach the model.
    features = table.drop(columns=["patient_id", "diagnosis"])
    train_x, test_x, train_y, test_y = train_test_split(
        features, table["diagnosis"], test_size=0.25, random_state=7, stratify=table["diagnosis"]
    )

    with mlflow.start_run():
        model = make_pipeline(StandardScaler(), LogisticRegression(C=args.regularization, max_iter=1000))
        model.fit(train_x, train_y)

        predicted = model.predict(test_x)
        malignant = model.predict_proba(test_x)[:, list(model.classes_).index("M")]
        accuracy = accuracy_score(test_y, predicted)
        roc_auc = roc_auc_score(test_y == "M", malignant)
        mlflow.log_metric("test_accuracy", accuracy)
        mlflow.log_metric("test_roc_auc", roc_auc)
        print(f"{len(train_x)} rows to train on, {len(test_x)} held out: accuracy {accuracy:.3f}, ROC AUC {roc_auc:.3f}")

    mlflow.sklearn.save_model(
        model,
        args.model,
        signature=infer_signature(train_x, predicted),
        # What it takes to load the model, as it is here: another numpy may not be able to read it.
        pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
    )
    # For those on site: they hold patients' numbers, so they are not part of the model.
    args.predictions.mkdir(parents=True, exist_ok=True)
    table.loc[test_x.index, ["patient_id", "diagnosis"]].assign(
        predicted=predicted, malignant=malignant.round(6)
    ).to_csv(args.predictions / "held-out.csv", index=False)
    rows = test_x.head(5)
    smoke_test = {"input_data": rows.to_dict(orient="split"), "predictions": model.predict(rows).tolist()}
    (args.predictions / "smoke-test.json").write_text(json.dumps(smoke_test))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="CSV with patient_id, diagnosis and the measurements")
    parser.add_argument("--regularization", type=float, default=1.0, help="inverse strength, scikit-learn's C")
    parser.add_argument("--model", type=Path, required=True, help="folder for the model, in MLflow's format")
    parser.add_argument("--predictions", type=Path, required=True, help="folder for the held-out rows' predictions")
    return parser.parse_args()


if __name__ == "__main__":
    main()
