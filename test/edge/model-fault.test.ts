import assert from 'node:assert/strict';
import { test } from 'node:test';
import { modelFault } from '../../activities/edge/model-fault.ts';

const files = (...names: string[]) =>
  names.map((name) => {
    const [path = '', bytes = '10'] = name.split(':');
    return { path, bytes: Number(bytes) };
  });

test('one whole model has no fault', () => {
  const whole = ['MLmodel', 'model.pkl'];
  const withParts = [...whole, 'artifacts/a/MLmodel', 'artifacts/b/MLmodel'];
  const withMarkers = [...whole, 'code/__init__.py:0', 'data/_SUCCESS:0', 'data/._SUCCESS.crc:0'];
  for (const names of [whole, withParts, withMarkers])
    assert.equal(modelFault('mlflow_model', files(...names)), undefined);
  for (const names of [['model.onnx'], ['best/MLmodel', 'best/x']])
    assert.equal(modelFault('custom_model', files(...names)), undefined);
});

test('what is no model, several models or an empty one says so, and what to do', () => {
  const cases = [
    ['mlflow_model', [], 'NoModel', /no file/],
    ['mlflow_model', ['model.pkl'], 'NoModel', /no file MLmodel/],
    ['mlflow_model', ['a/MLmodel', 'a/x'], 'NoModel', /no file MLmodel/],
    ['mlflow_model', ['a/MLmodel', 'bb/MLmodel'], 'AmbiguousModel', /2 models side by side/],
    ['custom_model', ['a/MLmodel', 'b/MLmodel', 'b/c/MLmodel'], 'AmbiguousModel', /2 models side by side/],
    ['mlflow_model', ['MLmodel', 'model.pkl:0'], 'EmptyModel', /1 of 2 files/],
    ['mlflow_model', ['MLmodel:0', 'model.pkl'], 'EmptyModel', /1 of 2 files/],
    ['custom_model', ['model.onnx:0'], 'EmptyModel', /1 of 1 files/],
    ['custom_model', ['.keep:0'], 'EmptyModel', /1 of 1 files/],
  ] as const;
  for (const [type, names, wanted, cause] of cases) {
    const fault = modelFault(type, files(...names));
    assert.equal(fault?.type, wanted, names.join(' '));
    assert.match(fault.cause, cause);
    assert.match(fault.nextStep, /\w/);
    assert.doesNotMatch(fault.cause + fault.nextStep, /pkl|onnx/, 'a file’s name stays on site');
  }
});
