"""The job's own variables, and those of Azure ML that scripts read."""

import os
import pathlib
import sys

model = pathlib.Path(sys.argv[2])
found = [sys.argv[1], os.environ["WARD"], os.environ["ROUNDS"], os.environ["VERBOSE"]]
assert found == ["cardiology", "cardiology", "3", "True"], found
assert os.environ["AZUREML_RUN_ID"] and os.environ["AZUREML_EXPERIMENT_NAME"] == "ward"
assert os.environ["AZURE_ML_OUTPUT_model"] == str(model)
model.mkdir(parents=True, exist_ok=True)
(model / "score.py").write_text("def init():\n    pass\n\n\ndef run(data):\n    return data\n")
