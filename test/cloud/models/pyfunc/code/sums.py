"""An MLflow model without a pickle: a weighted sum."""

import json
import pathlib


class Sums:
    def __init__(self, weights):
        self.weights = weights

    def predict(self, frame, params=None):
        return sum(frame[name] * weight for name, weight in self.weights.items())


def _load_pyfunc(path):
    return Sums(json.loads((pathlib.Path(path) / "weights.json").read_text()))
