"""Shared memory is as large as the job asks for."""

import os
import pathlib
import sys

shared = os.statvfs("/dev/shm")
assert shared.f_blocks * shared.f_frsize == 96 * 2**20, shared
model = pathlib.Path(sys.argv[1])
model.mkdir(parents=True, exist_ok=True)
(model / "score.py").write_text("def init():\n    pass\n\n\ndef run(data):\n    return data\n")
