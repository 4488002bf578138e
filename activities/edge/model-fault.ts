import type { TrainingPlan } from '../../domain/training-plan.ts';
import type { OutputFile } from './output-files.ts';

/** Why what a script left is not one whole model. Names none of its files: they stay on site. */
export interface ModelFault {
  readonly type: 'NoModel' | 'AmbiguousModel' | 'EmptyModel';
  readonly cause: string;
  readonly nextStep: string;
}

/** Files that mean something by being there, such as Spark's mark of a whole folder or a Python package's. */
const MARKER = /(^|\/)(\.[^/]+|__init__\.py|py\.typed|_SUCCESS)$/;

/** Undefined for files that are one model, by their names and sizes alone; whether it loads is not tried on the VM. */
export function modelFault(
  type: TrainingPlan['model']['type'],
  files: readonly Pick<OutputFile, 'path' | 'bytes'>[],
): ModelFault | undefined {
  if (files.length === 0) return noModel('there is no file');
  const models = topmost(files);
  if (models > 1) {
    return {
      type: 'AmbiguousModel',
      cause: `there are ${models} models side by side, and nothing says which of them is meant`,
      nextStep: 'Say which one as model.path, and run once for each that is wanted; or let the script save one.',
    };
  }
  if (type === 'mlflow_model' && !files.some(({ path }) => path === 'MLmodel'))
    return noModel('there is no file MLmodel, which every MLflow model has');
  const empty = files.filter(({ path, bytes }) => bytes === 0 && !MARKER.test(path)).length;
  if (empty === 0 && files.some(({ bytes }) => bytes > 0)) return undefined;
  return {
    type: 'EmptyModel',
    cause: `${empty || files.length} of ${files.length} files have no byte in them, so the model is not whole`,
    nextStep:
      'Find out why the script left them empty (a full disk, a file never closed), and let it save the model anew.',
  };
}

const noModel = (cause: string): ModelFault => ({
  type: 'NoModel',
  cause: `${cause}: it left no model`,
  nextStep: 'Save the model there, or say where it is as model.path.',
});

/** How many folders hold an MLmodel nearest to the top. A model may hold others as its parts; those lie deeper. */
function topmost(files: readonly { readonly path: string }[]): number {
  const depths = files.map(({ path }) => path.split('/')).filter((parts) => parts.at(-1) === 'MLmodel');
  const least = Math.min(...depths.map(({ length }) => length));
  return depths.filter(({ length }) => length === least).length;
}
