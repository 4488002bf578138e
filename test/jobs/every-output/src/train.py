"""A folder is there; of a file, the folder that it goes into."""

import pathlib
import sys

folder, table, tracked, model = map(pathlib.Path, sys.argv[1:])
assert folder.is_dir() and tracked.is_dir()
(folder / "a.txt").write_text("a")
table.write_text("a,b\n")
(tracked / "MLmodel").write_text("flavors: {}\n")
model.mkdir(parents=True, exist_ok=True)
(model / "score.py").write_text("def init():\n    pass\n\n\ndef run(data):\n    return data\n")
