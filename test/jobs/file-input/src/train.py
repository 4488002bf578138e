"""A file keeps its name, and may not be written."""

import os
import pathlib
import sys

data, model = map(pathlib.Path, sys.argv[1:])
assert data.name == "rows.csv" and len(data.read_text().splitlines()) == 3
assert not os.access(data, os.W_OK)
model.mkdir(parents=True, exist_ok=True)
(model / "score.py").write_text("def init():\n    pass\n\n\ndef run(data):\n    return data\n")
