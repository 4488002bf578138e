"""Tensors, of the shape and kind that a model's signature has."""

import numpy as np
from bad_input import BadInput, problem


class Tensors:
    """`schema` is MLflow's of tensors, or None where the model states none: then any tensor will do."""

    def __init__(self, schema):
        self.specs = schema.inputs if schema is not None else []
        self.named = [spec.name for spec in self.specs if spec.name is not None]

    def read(self, value, path):
        """An array, or one for each name. Raises BadInput."""
        if not self.specs:
            if isinstance(value, dict):
                return {name: tensor(each, None, f"{path}.{name}") for name, each in value.items()}
            return tensor(value, None, path)
        if not self.named:
            return tensor(value, self.specs[0], path)
        if not isinstance(value, dict):
            if len(self.named) == 1:
                return {self.named[0]: tensor(value, self.specs[0], path)}
            raise BadInput(problem(path, f"must be an object with {', '.join(self.named)}"))
        self.check_names(value, path)
        return {spec.name: tensor(value[spec.name], spec, f"{path}.{spec.name}") for spec in self.specs}

    def check_names(self, value, path):
        absent = [name for name in self.named if name not in value]
        unknown = sorted(set(value) - set(self.named))
        if absent or unknown:
            raise BadInput(
                *(problem(f"{path}.{name}", "is required") for name in absent),
                *(problem(f"{path}.{name}", f"is unknown; known here: {', '.join(self.named)}") for name in unknown),
            )


def tensor(value, spec, path):
    try:
        array = np.array(value)
    except ValueError:
        raise BadInput(problem(path, "must be a tensor: lists of one length at each depth")) from None
    if spec is None:
        return array
    if array.size == 0:
        raise BadInput(problem(path, "must not be empty"))
    fits = len(array.shape) == len(spec.shape) and all(want in (-1, have) for want, have in zip(spec.shape, array.shape))
    if not fits:
        raise BadInput(problem(path, f"must have the shape {list(spec.shape)}, and has {list(array.shape)}"))
    if not castable(array, spec.type):
        raise BadInput(problem(path, f"must be {spec.type}"))
    return array.astype(spec.type)


def castable(array, wanted):
    """JSON knows one kind of number: whole ones may be meant as floats, and others must fit what is asked."""
    if wanted.kind == "O":
        return True  # of an object array a signature says no more than its shape
    if wanted.kind in "iu":
        info = np.iinfo(wanted)
        return array.dtype.kind in "iu" and array.min() >= info.min and array.max() <= info.max
    if wanted.kind == "f":
        return array.dtype.kind in "iuf" and bool(np.all(np.abs(array) <= np.finfo(wanted).max))
    return array.dtype.kind == wanted.kind
