"""Of three optional parts, one has its input; the inputs of the others are not declared."""

import argparse
import pathlib

parser = argparse.ArgumentParser()
for name in ("data", "rate", "depth", "weights", "model"):
    parser.add_argument(f"--{name}")
given = parser.parse_args()
assert given.rate == "0.1" and given.depth is None and given.weights is None, given
assert pathlib.Path(given.data).is_file()
model = pathlib.Path(given.model)
model.mkdir(parents=True, exist_ok=True)
(model / "score.py").write_text("def init():\n    pass\n\n\ndef run(data):\n    return data\n")
