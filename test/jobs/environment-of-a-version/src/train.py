"""The site says what is in this environment."""

import pathlib
import sys
from importlib.metadata import version

assert version("packaging").startswith(sys.argv[1])
model = pathlib.Path(sys.argv[2])
model.mkdir(parents=True, exist_ok=True)
(model / "score.py").write_text("def init():\n    pass\n\n\ndef run(data):\n    return data\n")
