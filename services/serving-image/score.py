"""Serves an MLflow model through azureml-inference-server-http: POST /score, GET / for health.

Takes what Azure ML's MLflow deployments take (`input_data`), what MLflow's own server takes (`dataframe_split`,
`dataframe_records`, `instances`, `inputs`), or a bare list of records or rows. Azure ML's form and the bare list are
answered by a bare list, as Azure ML does; MLflow's forms by `{"predictions": [...]}`, as MLflow does.
Beside the data there may be `params`, as the model's signature has them. A body that does not fit the signature is answered
by 400 with every place that is wrong, one that is too long by 413; no body ends the server.
"""

import json
import math
import os

import mlflow.pyfunc
import numpy as np
import pandas as pd
from azureml_inference_server_http.api.aml_request import rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse
from mlflow.exceptions import MlflowException
from werkzeug.exceptions import RequestEntityTooLarge

FRAMES = ("input_data", "dataframe_split", "dataframe_records")
TENSORS = ("instances", "inputs")
MOST_PROBLEMS = 20
# What Azure ML's online endpoints take: https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas
MOST_BYTES = 10 * 1024 * 1024

model = None
schema = None
parameters = None


class BadInput(Exception):
    def __init__(self, *problems):
        super().__init__(problems[0]["message"])
        self.problems = problems[:MOST_PROBLEMS]


def init():
    global model, schema, parameters
    model = mlflow.pyfunc.load_model(os.environ["AZUREML_MODEL_DIR"])
    schema = model.metadata.get_input_schema()
    parameters = model.metadata.get_params_schema()


# The request itself, since only so a body is measured before it is held.
@rawhttp
def run(request):
    form = ""
    if request.method != "POST":
        return refuse([problem("", f"{request.method} is not answered here: use POST")], 405)
    request.max_content_length = MOST_BYTES
    try:
        form, data, params = read(request.get_data())
        predictions = model.predict(data, params=params) if params else model.predict(data)
    except BadInput as error:
        return refuse(error.problems)
    except RequestEntityTooLarge:
        discard(request.environ["wsgi.input"])
        return refuse([problem("", f"the body must not be longer than {MOST_BYTES} bytes")], 413)
    except Exception as error:
        # A model without a signature may fail on any input; one with it says in these words what its signature could not.
        if schema is not None and not isinstance(error, (MlflowException, TypeError, ValueError, KeyError)):
            raise
        return refuse([problem(form, f"the model refuses this input: {error}")])
    answer = plain(predictions)
    return AMLResponse({"predictions": answer} if form not in ("", "input_data") else answer, 200, json_str=True)


def discard(stream):
    """So that a caller that sends on can read the answer; not for ever."""
    left = 10 * MOST_BYTES
    while left > 0 and (block := stream.read(min(left, 1 << 16))):
        left -= len(block)


def read(raw):
    body = parse(raw)
    if isinstance(body, list):
        return "", data_of(body, ""), None
    if not isinstance(body, dict):
        raise BadInput(problem("", "the body must be a JSON object or a list of records"))
    given = [name for name in FRAMES + TENSORS if name in body]
    if len(given) != 1:
        raise BadInput(problem("", f"the body must have exactly one of {', '.join(FRAMES + TENSORS)}"))
    form = given[0]
    unknown = sorted(set(body) - {form, "params"})
    if unknown:
        raise BadInput(*(problem(name, f"is unknown; known here: {form}, params") for name in unknown))
    return form, data_of(body[form], form), params_of(body.get("params"))


def data_of(value, form):
    if schema is not None and schema.is_tensor_spec():
        return tensors(value, form)
    if form not in TENSORS:
        return frame(value, form)
    # MLflow's own server reads both as columns where the model has columns: a list of records or rows, or lists by name.
    if isinstance(value, dict):
        return frame(by_row(value, form), form)
    return frame(value, form) if schema is not None or rectangular(value) else tensors(value, form)


def by_row(columns, path):
    lists = [name for name, values in columns.items() if isinstance(values, list)]
    if len(lists) != len(columns) or len({len(columns[name]) for name in lists}) != 1:
        raise BadInput(problem(path, "must be a list, or lists of one length by column"))
    return {"columns": lists, "data": [list(row) for row in zip(*columns.values())]}


def rectangular(value):
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


def params_of(value):
    """As the signature has them; MLflow itself passes over what it does not know."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise BadInput(problem("params", "must be an object"))
    known = {each.name: each for each in parameters.params} if parameters is not None else {}
    unknown = sorted(set(value) - set(known))
    if unknown:
        names = ", ".join(known) or "none"
        raise BadInput(*(problem(f"params.{name}", f"is unknown; known here: {names}") for name in unknown))
    return value


def parse(raw):
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=no_number)
    except RecursionError:
        raise BadInput(problem("", "the body is nested too deeply")) from None
    except ValueError as error:
        raise BadInput(problem("", f"the body is not JSON: {error}")) from None


def no_number(name):
    raise ValueError(f"{name} is no JSON")


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
    return typed(table, place, path)


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
    index = value.get("index")
    if index is not None and not (isinstance(index, list) and len(index) == len(data)):
        raise BadInput(problem(f"{path}.index", f"must be a list of {len(data)}, one for each row"))
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


def typed(table, place, path):
    names = expected_names()
    if not names:
        return table.infer_objects()
    required = set(schema.required_input_names())
    absent = [name for name in names if name in required and name not in table.columns]
    if absent:
        raise BadInput(*(problem(path, f"the column {json.dumps(name)} is missing", column=name) for name in absent))
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


def tensors(value, path):
    """Arrays as the signature has them: one, or one for each name."""
    specs = schema.inputs if schema is not None and schema.is_tensor_spec() else []
    if not specs:
        return {name: tensor(each, None, f"{path}.{name}") for name, each in value.items()} if isinstance(value, dict) else tensor(value, None, path)
    named = [spec.name for spec in specs if spec.name is not None]
    if not named:
        return tensor(value, specs[0], path)
    if not isinstance(value, dict):
        if len(named) == 1:
            return {named[0]: tensor(value, specs[0], path)}
        raise BadInput(problem(path, f"must be an object with {', '.join(named)}"))
    absent = [name for name in named if name not in value]
    unknown = sorted(set(value) - set(named))
    if absent or unknown:
        raise BadInput(
            *(problem(f"{path}.{name}", "is required") for name in absent),
            *(problem(f"{path}.{name}", f"is unknown; known here: {', '.join(named)}") for name in unknown),
        )
    return {spec.name: tensor(value[spec.name], spec, f"{path}.{spec.name}") for spec in specs}


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
    if wanted.kind in "iu":
        info = np.iinfo(wanted)
        return array.dtype.kind in "iu" and array.min() >= info.min and array.max() <= info.max
    if wanted.kind == "f":
        return array.dtype.kind in "iuf" and bool(np.all(np.abs(array) <= np.finfo(wanted).max))
    return array.dtype.kind == wanted.kind


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
    return {"path": path or "body", "message": message, **more}


def refuse(problems, status=400):
    columns = [{"name": spec.name, "type": getattr(spec.type, "name", str(spec.type))} for spec in schema.inputs] if schema else []
    error = {"code": "BadInput", "message": problems[0]["message"], "problems": list(problems), "expected": columns}
    return AMLResponse({"error": error}, status, json_str=True)
