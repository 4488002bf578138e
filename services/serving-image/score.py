"""Serves an MLflow model through azureml-inference-server-http: POST /score, GET / for health.

Takes what Azure ML's MLflow deployments take (`input_data`), what MLflow's own server takes (`dataframe_split`,
`dataframe_records`, `instances`, `inputs`), or a bare list of records or rows. Azure ML's form and the bare list are
answered by a bare list, as Azure ML does; MLflow's forms by `{"predictions": [...]}`, as MLflow does.
A body that does not fit the model's signature is answered by 400 with every place that is wrong.
"""

import json
import math
import os

import mlflow.pyfunc
import numpy as np
import pandas as pd
from azureml_inference_server_http.api.aml_response import AMLResponse
from mlflow.exceptions import MlflowException

FRAMES = ("input_data", "dataframe_split", "dataframe_records")
TENSORS = ("instances", "inputs")
MOST_PROBLEMS = 20

model = None
schema = None


class BadInput(Exception):
    def __init__(self, *problems):
        super().__init__(problems[0]["message"])
        self.problems = problems[:MOST_PROBLEMS]


def init():
    global model, schema
    model = mlflow.pyfunc.load_model(os.environ["AZUREML_MODEL_DIR"])
    schema = model.metadata.get_input_schema()


def run(raw):
    try:
        form, data = read(raw)
        predictions = model.predict(data)
    except BadInput as error:
        return refuse(error.problems)
    except (MlflowException, TypeError, ValueError, KeyError) as error:
        # The model's own words about an input that passed what the signature can say.
        return refuse([problem("", f"the model refuses this input: {error}")])
    answer = plain(predictions)
    return AMLResponse({"predictions": answer} if form not in (None, "input_data") else answer, 200, json_str=True)


def read(raw):
    body = parse(raw)
    if isinstance(body, list):
        return None, frame(body, "")
    if not isinstance(body, dict):
        raise BadInput(problem("", "the body must be a JSON object or a list of records"))
    given = [name for name in FRAMES + TENSORS if name in body]
    if len(given) != 1:
        raise BadInput(problem("", f"the body must have exactly one of {', '.join(FRAMES + TENSORS)}"))
    form = given[0]
    if form in TENSORS or (schema is not None and schema.is_tensor_spec()):
        return form, tensors(body[form], form)
    return form, frame(body[form], form)


def parse(raw):
    try:
        return json.loads(raw)
    except (ValueError, UnicodeDecodeError) as error:
        raise BadInput(problem("", f"the body is not JSON: {error}")) from None


def frame(value, path):
    """A data frame from pandas' split form, a list of records, or a list of rows; checked against the signature."""
    if isinstance(value, dict):
        table, place = split(value, path)
    elif isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        table, place = pd.DataFrame(value, dtype=object), lambda row, name: f"{path}[{row}].{name}"
        missing(table, value, place)
    elif isinstance(value, list) and value and all(isinstance(row, list) for row in value):
        table, place = rows(value, None, path)
    else:
        raise BadInput(problem(path, "must be a non-empty list of records or rows, or {columns, data}"))
    return typed(table, place)


def split(value, path):
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
    return rows(data, columns, f"{path}.data")


def rows(data, columns, path):
    names = columns if columns is not None else expected_names()
    width = len(names) if names else len(data[0])
    wrong = [n for n, row in enumerate(data) if len(row) != width]
    if wrong:
        raise BadInput(*(problem(f"{path}[{n}]", f"has {len(data[n])} values, and {width} are expected") for n in wrong))
    index = {name: n for n, name in enumerate(names or [])}
    return pd.DataFrame(data, columns=names or None, dtype=object), lambda row, name: f"{path}[{row}][{index.get(name)}]"


def expected_names():
    return schema.input_names() if schema is not None and schema.has_input_names() else None


def missing(table, records, place):
    """A record that lacks a column is not a record with null in it."""
    for name in expected_names() or []:
        if name in table.columns:
            lacking = [n for n, record in enumerate(records) if name not in record]
            if lacking:
                raise BadInput(*(problem(place(n, name), "is required") for n in lacking))


def typed(table, place):
    names = expected_names()
    if not names:
        return table.infer_objects()
    required = set(schema.required_input_names())
    absent = [name for name in names if name in required and name not in table.columns]
    if absent:
        raise BadInput(*(problem("", f"the column {json.dumps(name)} is missing", column=name) for name in absent))
    table = table[[name for name in names if name in table.columns]].copy()
    problems = []
    for spec in schema.inputs:
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
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def whole(bits):
    return lambda value: number(value) and value == int(value) and -(2 ** (bits - 1)) <= value < 2 ** (bits - 1)


CHECKS = {
    "double": (number, "float64"),
    "float": (number, "float32"),
    "long": (whole(64), "int64"),
    "integer": (whole(32), "int32"),
    "boolean": (lambda value: isinstance(value, bool), "bool"),
    "string": (lambda value: isinstance(value, str), None),
}


def tensors(value, path):
    try:
        if isinstance(value, dict):
            return {name: np.array(each) for name, each in value.items()}
        return np.array(value)
    except ValueError as error:
        raise BadInput(problem(path, f"is no tensor: {error}")) from None


def plain(value):
    """JSON has neither numpy's types nor NaN."""
    if isinstance(value, pd.DataFrame):
        return [{str(key): plain(each) for key, each in row.items()} for row in value.to_dict(orient="records")]
    if isinstance(value, (pd.Series, np.ndarray)):
        return plain(value.tolist())
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def problem(path, message, **more):
    return {"path": path, "message": message, **more}


def refuse(problems):
    columns = [{"name": spec.name, "type": getattr(spec.type, "name", str(spec.type))} for spec in schema.inputs] if schema else []
    error = {"code": "BadInput", "message": problems[0]["message"], "problems": list(problems), "expected": columns}
    return AMLResponse({"error": error}, 400, json_str=True)
