import { z } from 'zod';
import { DEFAULT_PYTHON, Requirement } from './environment.ts';

/** Conda packages that pip's packages of the same name stand for; `pytorch` is called `torch` there. */
const TWINS = new Set(
  [
    'cloudpickle h5py imbalanced-learn ipykernel joblib lightgbm matplotlib mlflow networkx nltk numba numpy onnx onnxruntime',
    'openpyxl packaging pandas pillow psutil pyarrow pydantic python-dateutil pytorch pytz pyyaml requests scikit-learn',
    'scipy seaborn setuptools shap skl2onnx statsmodels sympy tensorflow threadpoolctl torchvision tqdm wheel xgboost',
  ]
    .join(' ')
    .split(' '),
);

const DEPENDENCY = /^([a-z0-9][\w.-]*)\s*((?:(?:[<>]=?|[=!~]=|=)\s*\d[\w.*+]*\s*,?\s*)*)$/;

const CondaDependency = z
  .string()
  .max(300)
  .regex(DEPENDENCY, 'is not NAME and version bounds: no channel, no build and no URL, since no conda runs on site')
  .refine((text) => ['python', 'pip', ...TWINS].includes(nameOf(text)), {
    error:
      'is a conda package that is not known to be the same in pip: put what the script needs into the pip list; environments are made by uv from Python packages',
  });

/** The conda files that a site can honour: Python, pip, and packages that pip has under the same name. */
export const CondaFile = z.strictObject({
  name: z.string().max(100).optional(),
  channels: z.array(z.string().max(200)).optional(),
  dependencies: z.array(z.union([CondaDependency, z.strictObject({ pip: z.array(Requirement) })])).min(1),
});
export type CondaFile = z.infer<typeof CondaFile>;

/** The Python and the pip requirements that a conda file means. `pip` itself goes: uv does its work. */
export function fromConda(conda: CondaFile): { python: string; requirements: string[] } {
  const own = conda.dependencies.filter((item): item is string => typeof item === 'string');
  return {
    python: pythonOf(own.find((item) => nameOf(item) === 'python') ?? 'python'),
    requirements: conda.dependencies.flatMap((item) => {
      if (typeof item !== 'string') return item.pip;
      return ['python', 'pip'].includes(nameOf(item)) ? [] : [asRequirement(item)];
    }),
  };
}

const nameOf = (dependency: string): string => DEPENDENCY.exec(dependency)?.[1] ?? '';

/** The one that is stated; the default where it is at least as new as a lower bound asks for. */
function pythonOf(dependency: string): string {
  const minor = /3\.(\d+)/.exec(dependency)?.[1];
  if (minor === undefined) return DEFAULT_PYTHON;
  const atLeast = /^python\s*>=?/.test(dependency) && Number(minor) <= Number(DEFAULT_PYTHON.slice(2));
  return atLeast ? DEFAULT_PYTHON : `3.${minor}`;
}

/** Conda's `=1.2` is any 1.2.x, which pip writes `==1.2.*`. */
function asRequirement(dependency: string): string {
  const [, name = '', bounds = ''] = DEPENDENCY.exec(dependency) ?? [];
  const spec = bounds.replace(/\s/g, '').replace(/(^|,)=(\d[\w.]*?)(?:\.?\*)?(?=,|$)/g, '$1==$2.*');
  return `${name === 'pytorch' ? 'torch' : name}${spec}`;
}
