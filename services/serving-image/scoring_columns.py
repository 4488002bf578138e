"""Data frames, with the columns that a model's signature has."""

import json
import math

import numpy as np
import pandas as pd
from bad_input import BadInput, problem


class Columns:
    """`schema` is MLflow's of columns, or None where the model states none: then any column will do."""

    def __init__(self, schema):
        self.specs = schema.inputs if schema is not None else []
        self.names = schema.input_names() if schema is not None and schema.has_input_names() else None
        self.required = set(schema.required_input_names()) if self.names else set()

    def frame(self, value, path):
        """From pandas' split form, a list of records, or a list of rows; checked against the signature. Raises BadInput."""
        if isinstance(value, dict):
            table, place = self.split(value, path)
        elif isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
            table, place = pd.DataFrame(value, dtype=object), lambda row, name: f"{path}[{row}].{name}"
            self.check_records(table, value, place)
        elif isinstance(value, list) and value and all(isinstance(row, list) for row in value):
            table, place = self.rows(value, None, path)
        else:
            raise BadInput(problem(path, "must be a non-empty list of records or rows, or {columns, data}"))
        return self.typed(table, place, path)

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
        return self.rows(data, columns, f"{path}.data")

    def rows(self, data, columns, path):
        names = columns if columns is not None else self.names
        width = len(names) if names else len(data[0])
        wrong = [n for n, row in enumerate(data) if len(row) != width]
        if wrong:
            raise BadInput(*(problem(f"{path}[{n}]", f"has {len(data[n])} values, and {width} are expected") for n in wrong))
        index = {name: n for n, name in enumerate(names or [])}
        return pd.DataFrame(data, columns=names or None, dtype=object), lambda row, name: f"{path}[{row}][{index.get(name)}]"

    def check_records(self, table, records, place):
        """A record that lacks a column is not a record with null in it."""
        for name in self.names or []:
            if name in table.columns:
                lacking = [n for n, record in enumerate(records) if name not in record]
                if lacking:
                    raise BadInput(*(problem(place(n, name), "is required") for n in lacking))

    def typed(self, table, place, path):
        if not self.names:
            return table.infer_objects()
        absent = [name for name in self.names if name in self.required and name not in table.columns]
        if absent:
            raise BadInput(*(problem(path, f"the column {json.dumps(name)} is missing", column=name) for name in absent))
        table = table[[name for name in self.names if name in table.columns]].copy()
        problems = []
        for spec in self.specs:
            if spec.name in table.columns:
                problems += column(table, spec, place)
        if problems:
            raise BadInput(*problems)
        return table


def column(table, spec, place):
    kind = getattr(spec.type, "name", "")
    if kind not in CHECKS:
        return []
    fits, dtype = CHECKS[kind]
    values = table[spec.name].tolist()
    wrong = [n for n, value in enumerate(values) if not (fits(value) or (value is None and nullable(kind, spec)))]
    if wrong:
        return [
            problem(place(n, spec.name), f"must be {kind}, and is {json.dumps(values[n])[:80]}", column=spec.name)
            for n in wrong
        ]
    if dtype is not None:
        table[spec.name] = pd.Series([np.nan if value is None else value for value in values], dtype=dtype)
    return []


def nullable(kind, spec):
    return kind in ("double", "float", "string") or not getattr(spec, "required", True)


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
