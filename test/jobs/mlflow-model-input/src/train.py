"""A model of the site's, to start from."""

import pathlib
import sys

teacher, model = map(pathlib.Path, sys.argv[1:])
assert "python_function" in (teacher / "MLmodel").read_text()
model.mkdir(parents=True, exist_ok=True)
(model / "score.py").write_text("def init():\n    pass\n\n\ndef run(data):\n    return data\n")
