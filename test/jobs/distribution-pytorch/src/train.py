"""A group of one process."""

import os
import pathlib
import socket
import sys

found = [os.environ[name] for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE")]
assert found == ["0", "0", "1"], found
address = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
with socket.create_server(address), socket.create_connection(address):
    pass
model = pathlib.Path(sys.argv[1])
model.mkdir(parents=True, exist_ok=True)
(model / "score.py").write_text("def init():\n    pass\n\n\ndef run(data):\n    return data\n")
