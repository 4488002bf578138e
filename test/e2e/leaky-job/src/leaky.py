"""Tells whose data it read in every way that a failing script has: all of it must stay on site."""

import logging
import sys
from pathlib import Path

import mlflow
import pandas as pd

data, model = Path(sys.argv[1]), Path(sys.argv[2])
file = next(data.iterdir())
patient = pd.read_csv(file)["patient_id"][0]
print(f"{file.name}: {patient}", flush=True)
print(f"{file.name}: {patient}", file=sys.stderr, flush=True)
logging.warning("%s: %s", file.name, patient)
(model / patient).mkdir(parents=True)
(model / patient / f"{patient}.txt").write_text(f"{file.name}: {patient}\n")
(model / patient).chmod(0o700)  # so that keeping it on site fails too
with mlflow.start_run(run_name=patient, description=patient, tags={"patient": patient}):
    mlflow.log_param("patient", patient)
    raise ValueError(f"no model for {patient} of {file.name}")
