"""An output without a value is a folder; ./outputs and ./logs are there before the script starts."""

import os
import pathlib
import sys

report = pathlib.Path(sys.argv[1])
assert report.is_dir() and str(report) == os.environ["AZURE_ML_OUTPUT_report"]
(report / "report.txt").write_text("all is well")
pathlib.Path("logs/own.log").write_text("started")
model = pathlib.Path("outputs/model")
model.mkdir(parents=True, exist_ok=True)
(model / "score.py").write_text("def init():\n    pass\n\n\ndef run(data):\n    return data\n")
