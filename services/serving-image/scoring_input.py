"""Reads what a model is asked, in each form that is taken, as its signature has it."""

import json

from bad_input import BadInput, problem
from scoring_columns import Columns
from scoring_tensors import Tensors

FRAMES = ("input_data", "dataframe_split", "dataframe_records")
TENSORS = ("instances", "inputs")


class InputReader:
    """Of one model. `schema` and `parameters` are MLflow's, or None where the model states none."""

    def __init__(self, schema, parameters):
        self.has_columns = schema is not None and not schema.is_tensor_spec()
        self.has_tensors = schema is not None and schema.is_tensor_spec()
        self.columns = Columns(None if self.has_tensors else schema)
        self.tensors = Tensors(schema if self.has_tensors else None)
        self.params = [each.name for each in parameters.params] if parameters is not None else []

    def read(self, raw):
        """The form ("" for a bare list), a data frame or tensors, and parameters or None. Raises BadInput."""
        body = parse(raw)
        if isinstance(body, list):
            return "", self.data_of(body, ""), None
        if not isinstance(body, dict):
            raise BadInput(problem("", "the body must be a JSON object or a list of records"))
        given = [name for name in FRAMES + TENSORS if name in body]
        if len(given) != 1:
            raise BadInput(problem("", f"the body must have exactly one of {', '.join(FRAMES + TENSORS)}"))
        form = given[0]
        unknown = sorted(set(body) - {form, "params"})
        if unknown:
            raise BadInput(*(problem(name, f"is unknown; known here: {form}, params") for name in unknown))
        return form, self.data_of(body[form], form), self.params_of(body.get("params"))

    def data_of(self, value, form):
        if self.has_tensors:
            return self.tensors.read(value, form)
        if form not in TENSORS:
            return self.columns.frame(value, form)
        # MLflow's own server reads both as columns where the model has columns: a list of records or rows, or lists by name.
        if isinstance(value, dict):
            return self.columns.frame(by_row(value, form), form)
        if self.has_columns or rectangular(value):
            return self.columns.frame(value, form)
        return self.tensors.read(value, form)

    def params_of(self, value):
        """As the signature has them; MLflow itself passes over what it does not know."""
        if value is None:
            return None
        if not isinstance(value, dict):
            raise BadInput(problem("params", "must be an object"))
        unknown = sorted(set(value) - set(self.params))
        if unknown:
            names = ", ".join(self.params) or "none"
            raise BadInput(*(problem(f"params.{name}", f"is unknown; known here: {names}") for name in unknown))
        return value


def by_row(columns, path):
    lists = [name for name, values in columns.items() if isinstance(values, list)]
    if len(lists) != len(columns) or len({len(columns[name]) for name in lists}) != 1:
        raise BadInput(problem(path, "must be a list, or lists of one length by column"))
    return {"columns": lists, "data": [list(row) for row in zip(*columns.values())]}


def rectangular(value):
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


def parse(raw):
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=no_number)
    except RecursionError:
        raise BadInput(problem("", "the body is nested too deeply")) from None
    except ValueError as error:
        raise BadInput(problem("", f"the body is not JSON: {error}")) from None


def no_number(name):
    raise ValueError(f"{name} is no JSON")
