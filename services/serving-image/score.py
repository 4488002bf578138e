"""Serves an MLflow model through azureml-inference-server-http: POST /score, GET / for health.

Takes what Azure ML's MLflow deployments take (`input_data`), what MLflow's own server takes (`dataframe_split`,
`dataframe_records`, `instances`, `inputs`), or a bare list of records or rows. Azure ML's form and the bare list are
answered by a bare list, as Azure ML does; MLflow's forms by `{"predictions": [...]}`, as MLflow does.
Beside the data there may be `params`, as the model's signature has them. A body that does not fit the signature is answered
by 400 with every place that is wrong, one that is too long by 413; no body ends the server.
"""

import math
import os

import mlflow.pyfunc
import numpy as np
import pandas as pd
from azureml_inference_server_http.api.aml_request import rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse
from bad_input import BadInput, problem
from gunicorn.http.errors import ParseException
from mlflow.exceptions import MlflowException
from scoring_input import InputReader
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

# What Azure ML's online endpoints take: https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas
MOST_BYTES = 10 * 1024 * 1024

model = None
schema = None
reader = None


def init():
    global model, schema, reader
    model = mlflow.pyfunc.load_model(os.environ["AZUREML_MODEL_DIR"])
    schema = model.metadata.get_input_schema()
    reader = InputReader(schema, model.metadata.get_params_schema())


# The request itself, since only so a body is measured before it is held.
@rawhttp
def run(request):
    form = ""
    if request.method != "POST":
        return refuse([problem("", f"{request.method} is not answered here: use POST")], 405)
    try:
        form, data, params = reader.read(body_of(request))
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


def body_of(request):
    request.max_content_length = MOST_BYTES
    try:
        return request.get_data()
    except (ParseException, OSError, ClientDisconnected):  # of chunks that are none, and of a body that ends too soon
        raise BadInput(problem("", "the body cannot be read to its end")) from None


def discard(stream):
    """So that a caller that sends on can read the answer; not for ever."""
    left = 10 * MOST_BYTES
    while left > 0 and (block := stream.read(min(left, 1 << 16))):
        left -= len(block)


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


def refuse(problems, status=400):
    columns = [{"name": spec.name, "type": getattr(spec.type, "name", str(spec.type))} for spec in schema.inputs] if schema else []
    error = {"code": "BadInput", "message": problems[0]["message"], "problems": list(problems), "expected": columns}
    return AMLResponse({"error": error}, status, json_str=True)
