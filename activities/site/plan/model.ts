import { DEFAULT_OUTPUT, type PlannedOutput, type TrainingPlan } from '../../../domain/training-plan.ts';
import type { TrainModelInput } from '../../../domain/train-model-input.ts';
import { shown, type Issue } from '../../../domain/validation.ts';
import type { Choice } from '../plan-training.ts';

/** Every output of the job, `./outputs` (Azure ML's default) among them, and which one is the model. */
export interface ModelChoice {
  readonly outputs: readonly PlannedOutput[];
  readonly model: Pick<TrainingPlan['model'], 'output' | 'path' | 'type' | 'smokeTest'>;
}

/**
 * The model is what `model.path` says; else the one output of a model's type; else `./outputs` where the job declares none.
 * Anything else is refused with what would do: a run that ends in "which one?" has cost an hour.
 */
export function chooseModel(input: TrainModelInput): Choice<ModelChoice> {
  const outputs = plannedOutputs(input);
  const choice = input.model.path === undefined ? derived(outputs) : stated(outputs, input.model.path);
  if ('rule' in choice) return { issues: [choice] };
  const recorded = input.model.smokeTest === undefined ? {} : smokeTest(outputs, choice, input.model.smokeTest);
  if ('rule' in recorded) return { issues: [recorded] };
  return { value: { outputs, model: { ...choice, ...recorded } }, issues: [] };
}

function plannedOutputs({ job }: TrainModelInput): PlannedOutput[] {
  const declared = Object.entries(job.outputs ?? {})
    .map(([name, output]): PlannedOutput => ({ name, type: output?.type ?? 'uri_folder' }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const hasDefault = declared.some(({ name }) => name === DEFAULT_OUTPUT);
  return hasDefault ? declared : [...declared, { name: DEFAULT_OUTPUT, type: 'uri_folder' }];
}

function derived(outputs: readonly PlannedOutput[]): ModelChoice['model'] | Issue {
  const models = outputs.filter(({ type }) => type === 'mlflow_model' || type === 'custom_model');
  const [only] = models.length > 0 ? models : outputs;
  if (only && (models.length === 1 || outputs.length === 1))
    return { output: only.name, path: '', type: modelType(only) };
  const candidates = (models.length > 0 ? models : outputs).map(({ name }) => name).join(', ');
  const rule =
    models.length > 0
      ? `is required: ${models.length} outputs are models; say which one is released: ${candidates}`
      : `is required: the job declares outputs and none is of type mlflow_model or custom_model; say which one holds the model (${candidates}; ${DEFAULT_OUTPUT} is ./outputs), or give it that type`;
  return { path: 'model.path', rule };
}

function stated(outputs: readonly PlannedOutput[], given: string): ModelChoice['model'] | Issue {
  const parts = given.replace(/^\.\//, '').replace(/\/+$/, '').split('/');
  const fault = (rule: string): Issue => ({ path: 'model.path', rule, value: shown(given) });
  if (parts.some((part) => part === '' || part === '.' || part === '..' || /[\p{Cc}\\]/u.test(part))) {
    return fault('must be OUTPUT or OUTPUT/folder, without . or .. or an empty part');
  }
  const [first = '', ...rest] = parts;
  const named = outputs.find(({ name }) => name === first);
  const output = named ?? (first === 'outputs' ? outputs.find(({ name }) => name === DEFAULT_OUTPUT) : undefined);
  if (!output)
    return fault(`names no output of the job; these would do: ${outputs.map(({ name }) => name).join(', ')}, outputs`);
  return { output: output.name, path: rest.join('/'), type: modelType(output) };
}

/** A file of another output than the model's, which leaves the site whole. */
function smokeTest(
  outputs: readonly PlannedOutput[],
  model: ModelChoice['model'],
  given: string,
): Pick<ModelChoice['model'], 'smokeTest'> | Issue {
  const found = stated(outputs, given);
  if ('rule' in found) return { ...found, path: 'model.smokeTest' };
  const fault = (rule: string): Issue => ({ path: 'model.smokeTest', rule, value: shown(given) });
  if (found.path === '') return fault('must be OUTPUT/FILE, a file that the script leaves in an output');
  if (found.output === model.output)
    return fault(`must be in another output than ${model.output}, which leaves the site: rows would leave with it`);
  return { smokeTest: { output: found.output, path: found.path } };
}

const modelType = ({ type }: PlannedOutput): 'mlflow_model' | 'custom_model' =>
  type === 'mlflow_model' ? type : 'custom_model';
