"""A direct input is an address that whatever opens addresses can open."""

import pathlib
import sys
import urllib.request

address, model = sys.argv[1], pathlib.Path(sys.argv[2])
assert address.startswith("file:///"), address
with urllib.request.urlopen(address) as rows:
    assert len(rows.read().splitlines()) == 3
model.mkdir(parents=True, exist_ok=True)
(model / "score.py").write_text("def init():\n    pass\n\n\ndef run(data):\n    return data\n")
