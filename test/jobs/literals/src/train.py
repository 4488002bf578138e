"""An input may be called type or path, and a literal may look like a URL; each is what Python's str() makes of it."""

import pathlib
import sys

*literals, model = sys.argv[1:]
assert literals == [
    "ridge",
    "1e-05",
    "3",
    "True",
    "https://example.invalid/a?b=c",
    "12345678901234567890",
    "1.0",
], literals
model = pathlib.Path(model)
model.mkdir(parents=True, exist_ok=True)
(model / "score.py").write_text("def init():\n    pass\n\n\ndef run(data):\n    return data\n")
