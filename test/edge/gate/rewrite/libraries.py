"""Makes models and pictures with their own libraries (`make FOLDER CSV`), and says what the same libraries make of two folders
of them (`compare FOLDER FOLDER CSV`): nothing may differ but bytes."""

import io
import json
import sys
from pathlib import Path

import mlflow
import numpy as np
import onnx
import onnxruntime
import pandas as pd
import skops.io
import xgboost
import yaml
from mlflow.models import infer_signature
from PIL import Image, PngImagePlugin
from safetensors.numpy import load_file, save_file
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

PICTURES = ["RGB", "RGBA", "P", "L", "1", "I;16"]


def data(csv):
    table = pd.read_csv(csv)
    return table.drop(columns=["patient_id", "diagnosis"]), table["diagnosis"]


def make(folder, csv):
    folder = Path(folder)
    x, y = data(csv)
    models = {
        "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        "forest": RandomForestClassifier(40, random_state=7),
    }
    for name, model in models.items():
        model.fit(x, y)
        skops.io.dump(model, folder / f"{name}.skops")
        graph = to_onnx(model.fit(x.to_numpy(), y), x[:1].to_numpy(np.float32), options={"zipmap": False})
        graph.doc_string = "P-000001,M,17.99"
        graph.metadata_props.add(key="note", value="P-000001")
        graph.graph.doc_string = graph.graph.node[0].doc_string = "a row"
        (folder / f"{name}.onnx").write_bytes(graph.SerializeToString())
    neural(folder / "layers.onnx")
    packed = skops.io.dumps(models["forest"].fit(x, y), compression=8)
    (folder / "packed.skops").write_bytes(packed)
    trees = xgboost.XGBClassifier(n_estimators=20, n_jobs=1).fit(x, y == "M")
    trees.save_model(folder / "trees.json")
    model = models["logistic"].fit(x, y)
    mlflow.sklearn.save_model(
        model, folder / "mlflow", signature=infer_signature(x, model.predict(x)), pip_requirements=["scikit-learn==1.5.2", "numpy<2"]
    )
    with open(folder / "mlflow" / "conda.yaml", "a") as file:
        file.write("# P-000001\n")
    weights = {"b": np.arange(7, dtype=np.float32), "a": np.ones((3, 0, 2)), "c": np.array([True, False]), "d": np.float16([[1.5]])}
    save_file(weights, folder / "weights.safetensors", metadata={"format": "np", "note": "P-000001"})
    for mode in PICTURES:
        picture(mode, folder / f"{mode.replace(';', '')}.png")
    values = {"π": [1, 1.0, -0.0, 1e300, 12345678901234567890123, 0.1 + 0.2, None, True], 'a "b"\\': {"": "\ud83d\ude00\u2028"}, "z": {}}
    (folder / "card.json").write_text(json.dumps(values, indent=3))
    (folder / "odd.yaml").write_text(ODD, encoding="utf-8")
    (folder / "requirements.txt").write_text("# made\n--extra-index-url https://a.example/#x\n\nnumpy<2  # why\nscikit-learn[a]==1.5.2 ; python_version < '3.13'\n")


ODD = """\
# a comment
yes: no  # another
'off': "no"
on: 1_000
octal: 010
new: 0o10
time: 12:30:45
date: 2001-12-14
stamp: 2001-12-14 21:59:43.10 -5
float: 1.50
big: 12345678901234567890123
hex: 0x1F
nothing:
tilde: ~
word: !!str 123
quoted: '123'
inf: .inf
text: "a\\u2028b\\x7f\\tc # no comment"
plain: one two
  three
folded: >-
  a b
  c

  d
kept: |+
  x

list: [a, 'b', 1.0, {c: d, "e f": [ ]}, { }]
- : dash
nested:
- - 1
  - - 2
- k: v
  l:
  - m
"""
ODD = ODD.replace("- : dash\n", "")


def neural(path):
    helper = onnx.helper
    rng = np.random.default_rng(7)
    raw = onnx.numpy_helper.from_array(rng.normal(size=(30, 4)).astype(np.float32), "w")
    typed = helper.make_tensor("b", onnx.TensorProto.FLOAT, [4], rng.normal(size=4).astype(np.float32))
    shape = helper.make_tensor("s", onnx.TensorProto.INT64, [2], [-1, 4])
    typed.doc_string = "a tensor"
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"], doc_string="P-000001"),
        helper.make_node("Add", ["h", "b"], ["i"]),
        helper.make_node("Reshape", ["i", "s"], ["j"]),
        helper.make_node("LeakyRelu", ["j"], ["y"], alpha=0.125),
    ]
    value = helper.make_tensor_value_info
    inputs, outputs = [value("x", onnx.TensorProto.FLOAT, ["n", 30])], [value("y", onnx.TensorProto.FLOAT, ["n", 4])]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [raw, typed, shape], doc_string="a graph")
    opsets = [helper.make_opsetid("", 17)]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8, producer_name="P-000001").SerializeToString())


def picture(mode, path):
    image = Image.fromarray((np.arange(33 * 21 * 4).reshape(21, 33, 4) * 7 % 256).astype(np.uint8), "RGBA")
    image = Image.fromarray((np.arange(33 * 21).reshape(21, 33) * 91).astype(np.uint16)) if mode == "I;16" else image.convert(mode)
    texts = PngImagePlugin.PngInfo()
    texts.add_text("patient", "P-000001,M,17.99")
    image.save(path, pnginfo=texts, dpi=(100, 100), **({"transparency": 3} if mode == "P" else {}))


def compare(before, after, csv):
    before, after = Path(before), Path(after)
    x, _ = data(csv)
    said = {}
    for name in ["logistic.skops", "forest.skops", "packed.skops"]:
        one, other = [skops.io.load(folder / name) for folder in (before, after)]
        said[name] = bool((one.predict_proba(x) == other.predict_proba(x)).all())
    for name in ["logistic.onnx", "forest.onnx", "layers.onnx"]:
        onnx.checker.check_model(onnx.load(after / name))
        one, other = [answers(folder / name, x) for folder in (before, after)]
        said[name] = all((np.asarray(a) == np.asarray(b)).all() for a, b in zip(one, other, strict=True))
    one, other = [xgboost.Booster(model_file=folder / "trees.json") for folder in (before, after)]
    matrix = xgboost.DMatrix(x)
    said["trees.json"] = bool((one.predict(matrix) == other.predict(matrix)).all())
    one, other = [mlflow.pyfunc.load_model(str(folder / "mlflow")) for folder in (before, after)]
    said["mlflow"] = bool((one.predict(x) == other.predict(x)).all()) and one.metadata.signature == other.metadata.signature
    for name in ["mlflow/MLmodel", "mlflow/conda.yaml", "mlflow/python_env.yaml", "odd.yaml"]:
        # Types too: PyYAML reads YAML 1.1, where `yes` is true and 12:30:45 a number.
        one, other = [repr(yaml.safe_load((folder / name).read_text())) for folder in (before, after)]
        said[name] = one == other
    one, other = [load_file(folder / "weights.safetensors") for folder in (before, after)]
    said["safetensors"] = sorted(one) == sorted(other) and all(
        one[key].dtype == other[key].dtype and one[key].shape == other[key].shape and (one[key] == other[key]).all() for key in one
    )
    for mode in PICTURES:
        name = f"{mode.replace(';', '')}.png"
        one, other = [Image.open(folder / name) for folder in (before, after)]
        kept = (one.mode, one.convert("RGBA").tobytes()) == (other.mode, other.convert("RGBA").tobytes())
        said[name] = kept and bool(one.text) and not other.text and "dpi" not in other.info
    one, other = [json.loads((folder / "card.json").read_text()) for folder in (before, after)]
    said["json"] = repr(one) == repr(other)
    print(json.dumps(said))


def answers(path, x):
    session = onnxruntime.InferenceSession(io.BytesIO(path.read_bytes()).getvalue())
    return session.run(None, {session.get_inputs()[0].name: x.to_numpy(np.float32)})


{"make": make, "compare": compare}[sys.argv[1]](*sys.argv[2:])
