"""An input that states no type is a folder."""

import pathlib
import sys

scans, model = map(pathlib.Path, sys.argv[1:])
names = sorted(str(path.relative_to(scans)) for path in scans.rglob("*") if path.is_file())
assert names == ["a.txt", "deep/b.txt"], names
model.mkdir(parents=True, exist_ok=True)
(model / "score.py").write_text("def init():\n    pass\n\n\ndef run(data):\n    return data\n")
