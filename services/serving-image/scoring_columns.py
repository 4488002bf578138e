"""Data frames, with the columns that a model's signature has."""

import json
import math

import numpy as np
import pandas as pd
from bad_input import BadInput, problem


class Columns:
    """`schema` is MLflow's of columns, or None where the model states none: then any column will do."""

    def __init__(self, schema):
        self.names = schema.input_names() if schema is not None and schema.has_input_names() else None
        self.specs = {spec.name: spec for spec in schema.inputs} if self.names else {}
        self.required = set(schema.required_input_names()) if self.names else set()

    def frame(self, value, path):
        """From pandas' split form, a list of records, or a list of rows; checked against the signature. Raises BadInput."""
        if isinstance(value, dict):
            return self.split(value, path)
        if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
            return self.records(value, path)
        if isinstance(value, list) and value and all(isinstance(row, list) for row in value):
            return self.rows(value, None, path, path)
        raise BadInput(problem(path, "must be a non-empty list of records or rows, or {columns, data}"))

    def records(self, records, path):
        if not self.names:
            return pd.DataFrame(records, dtype=object).infer_objects()
        given = set().union(*records)

        def place(row, name):
            return f"{path}[{row}].{name}"

        for name in self.names:
            # A record that lacks a column is not a record with null in it.
            lacking = [n for n, record in enumerate(records) if name not in record] if name in given else []
            if lacking:
                raise BadInput(*(problem(place(n, name), "is required") for n in lacking))
        return self.typed({name: [record[name] for record in records] for name in self.names if name in given}, place, path)

    def split(self, value, path):
        unknown = sorted(set(value) - {"columns", "index", "data"})
        if unknown:
            raise BadInput(*(problem(f"{path}.{name}", "is unknown; known here: columns, index, data") for name in unknown))
        data, columns = value.get("data"), value.get("columns")
        if not isinstance(data, list) or not data or not all(isinstance(row, list) for row in data):
            raise BadInput(problem(f"{path}.data", "must be a non-empty list of rows, each a list"))
        if columns is not None and not (isinstance(columns, list) and all(isinstance(name, str) for name in columns)):
            raise BadInput(problem(f"{path}.columns", "must be a list of names"))
        if columns is not None and len(set(columns)) != len(columns):
            raise BadInput(problem(f"{path}.columns", "names a column twice"))
        index = value.get("index")
        if index is not None and not (isinstance(index, list) and len(index) == len(data)):
            raise BadInput(problem(f"{path}.index", f"must be a list of {len(data)}, one for each row"))
        return self.rows(data, columns, f"{path}.data", path)

    def rows(self, data, columns, path, whole):
        names = columns if columns is not None else self.names
        width = len(names) if names else len(data[0])
        wrong = [n for n, row in enumerate(data) if len(row) != width]
        if wrong:
            raise BadInput(*(problem(f"{path}[{n}]", f"has {len(data[n])} values, and {width} are expected") for n in wrong))
        if not self.names:
            return pd.DataFrame(data, columns=names or None, dtype=object).infer_objects()

        def place(row, name):
            return f"{path}[{row}][{names.index(name)}]"

        return self.typed(dict(zip(names, zip(*data))), place, whole)

    def typed(self, given, place, path):
        """A frame of the columns that are given, in the signature's order; all are made before it, since pandas is slow by column."""
        absent = [name for name in self.names if name in self.required and name not in given]
        if absent:
            raise BadInput(*(problem(path, f"the column {json.dumps(name)} is missing", column=name) for name in absent))
        columns, problems = {}, []
        for name, spec in self.specs.items():
            if name in given:
                wrong = misfits(given[name], spec)
                problems += [refusal(place(n, name), spec, given[name][n]) for n in wrong]
                if not problems:
                    columns[name] = array(given[name], spec)
        if problems:
            raise BadInput(*problems)
        return pd.DataFrame(columns, copy=False)


def kind(spec):
    """Nested types have no name."""
    return getattr(spec.type, "name", "")


def misfits(values, spec):
    fits, _ = CHECKS.get(kind(spec), ANYTHING)
    wrong = [n for n, value in enumerate(values) if not fits(value)]
    return [n for n in wrong if values[n] is not None or not nullable(spec)] if wrong else wrong


def nullable(spec):
    """pandas has no whole number that is missing: a column of these is left out altogether, or has none missing."""
    if kind(spec) in ("long", "integer"):
        return False
    return kind(spec) in ("double", "float", "string") or not spec.required


def refusal(path, spec, value):
    return problem(path, f"must be {kind(spec)}, and is {json.dumps(value)[:80]}", column=spec.name)


def array(values, spec):
    _, dtype = CHECKS.get(kind(spec), ANYTHING)
    if dtype is None or (dtype == "bool" and None in values):
        return pd.Series(values, dtype=object)
    return np.array([np.nan if value is None else value for value in values], dtype=dtype)


def number(value):
    try:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False  # an integer that no double holds


def whole(bits):
    return lambda value: number(value) and value == int(value) and -(2 ** (bits - 1)) <= value < 2 ** (bits - 1)


def single(value):
    return number(value) and abs(value) <= np.finfo("float32").max


CHECKS = {
    "double": (number, "float64"),
    "float": (single, "float32"),
    "long": (whole(64), "int64"),
    "integer": (whole(32), "int32"),
    "boolean": (lambda value: isinstance(value, bool), "bool"),
    "string": (lambda value: isinstance(value, str), None),
}
# Nested types, and times: MLflow checks and converts them.
ANYTHING = (lambda value: True, None)
