import type { Format } from '../../../domain/verdict.ts';

/** The formats that a file of this name may have; none where nothing of that name may leave. */
export function formatsByName(path: string): readonly Format[] {
  const name = path.split('/').at(-1) ?? '';
  if (MARKER.test(name)) return ['empty', ...(name === '__init__.py' ? (['python'] as const) : [])];
  if (name === 'MLmodel') return ['yaml'];
  if (/^(requirements|constraints)\.txt$/.test(name)) return ['requirements'];
  const suffix = /\.([A-Za-z0-9_]+)$/.exec(name)?.[1]?.toLowerCase() ?? '';
  return BY_SUFFIX[suffix] ?? [];
}

/** Files that mean something by being there, such as Spark's mark of a whole folder or a Python package's. */
const MARKER = /^(\.[\w.-]+|__init__\.py|py\.typed|_SUCCESS)$/;

const PICKLES = ['pickle', 'joblib'] as const;
const BY_SUFFIX: Readonly<Record<string, readonly Format[]>> = {
  json: ['json'],
  yaml: ['yaml'],
  yml: ['yaml'],
  py: ['python'],
  png: ['png'],
  safetensors: ['safetensors'],
  onnx: ['onnx'],
  pkl: PICKLES,
  pickle: PICKLES,
  joblib: PICKLES,
  cloudpickle: PICKLES,
  pt: ['torch', 'pickle'],
  pth: ['torch', 'pickle'],
  skops: ['skops'],
  lgb: ['lightgbm'],
  txt: ['lightgbm'],
  ubj: ['xgboost'],
};

/** MLflow's examples of what a model is asked: rows, made up or not. */
export const holdsExample = (path: string): boolean => /(^|\/)[^/]*input_example[^/]*\.json$/i.test(path);
