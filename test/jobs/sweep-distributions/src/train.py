"""Each parameter is what its distribution can give, written as Python would write it."""

import pathlib
import sys

import mlflow

choice, randint, *reals, model = sys.argv[1:]
uniform, loguniform, quniform, qloguniform, normal, lognormal, qnormal, qlognormal = reals
assert choice in ("one", "2", "3.0"), choice
assert 0 <= int(randint) < 10, randint
assert -1 <= float(uniform) <= 1, uniform
assert 0 < float(loguniform) < 0.4, loguniform
assert int(quniform) in range(10, 101, 10), quniform
assert float(qloguniform) * 2 % 1 == 0, qloguniform
assert float(lognormal) > 0, lognormal
assert int(qnormal) % 5 == 0 and int(qlognormal) % 2 == 0, (qnormal, qlognormal)
for real in (uniform, loguniform, qloguniform, normal, lognormal):
    assert str(float(real)) == real, real

with mlflow.start_run():
    mlflow.log_metric("loss", float(uniform))

folder = pathlib.Path(model)
folder.mkdir(parents=True, exist_ok=True)
(folder / "score.py").write_text("def init():\n    pass\n\n\ndef run(data):\n    return data\n")
