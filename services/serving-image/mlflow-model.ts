import { parse as parseYaml } from 'yaml';
import { Requirement } from '../../domain/environment.ts';
import type { Artifact } from '../../domain/release.ts';
import { ServiceError } from '../errors.ts';

/** How a released model is served: the folder below the release that holds it, and how it is loaded. */
export interface ServedModel {
  /** '' or a path without a slash at its end. */
  readonly root: string;
  readonly loader: 'mlflow' | 'score.py';
  /** Below `root`; absent where the model states none. */
  readonly requirements?: string;
}

/** An MLflow model is where its `MLmodel` is; anything else must bring its own `score.py`. @throws ServiceError */
export function findServedModel(artifacts: readonly Artifact[]): ServedModel {
  const root = shallowest(artifacts, 'MLmodel');
  if (root !== undefined) return { root, loader: 'mlflow', ...requirementsAt(artifacts, root) };
  const scripted = shallowest(artifacts, 'score.py');
  if (scripted !== undefined) return { root: scripted, loader: 'score.py', ...requirementsAt(artifacts, scripted) };
  throw new ServiceError({
    class: 'input',
    type: 'ModelNotServable',
    cause: `The released model has neither an MLmodel file nor a score.py: ${artifacts
      .slice(0, 10)
      .map(({ path }) => path)
      .join(', ')}.`,
    nextStep: 'Save the model with mlflow.FLAVOUR.save_model, or put a score.py (init, run) beside it.',
    retryable: false,
  });
}

/** The flavours of an MLmodel file as Azure ML's ARM keeps them: name to data, plain values only. */
export function readFlavors(text: string): Record<string, Record<string, string>> {
  const { flavors } = (parseYaml(text, { maxAliasCount: 0 }) ?? {}) as { flavors?: unknown };
  const named = Object.entries(isRecord(flavors) ? flavors : {});
  return Object.fromEntries(
    named.map(([name, data]) => [
      name,
      Object.fromEntries(
        Object.entries(isRecord(data) ? data : {})
          .filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value))
          .map(([key, value]) => [key, String(value)]),
      ),
    ]),
  );
}

/** MLflow's own lists, parsed; undefined where the model states none. */
export interface StatedSignature {
  /** Of columns or of tensors. */
  readonly inputs?: unknown;
  readonly outputs?: unknown;
  readonly params?: unknown;
}

/** What an MLmodel file says that the model takes and answers. */
export function readSignature(text: string): StatedSignature {
  const { signature } = (parseYaml(text, { maxAliasCount: 0 }) ?? {}) as { signature?: Record<string, unknown> | null };
  const parsed = (part: string): unknown => {
    try {
      return JSON.parse(String(signature?.[part])) as unknown;
    } catch {
      return undefined;
    }
  };
  return { inputs: parsed('inputs'), outputs: parsed('outputs'), params: parsed('params') };
}

/** Its `inputs` alone. */
export const readInputSignature = (text: string): unknown => readSignature(text).inputs;

/**
 * The lines of a model's requirements.txt, each a plain requirement: what a script wrote must not choose where the
 * image's packages come from. @throws ServiceError `RequirementRefused`
 */
export function readRequirements(text: string): string[] {
  const lines = text
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter((line) => line !== '');
  const refused = lines.find((line) => !Requirement.safeParse(line).success);
  if (refused === undefined) return lines;
  throw new ServiceError({
    class: 'input',
    type: 'RequirementRefused',
    cause: `The model’s requirements.txt has a line that is no plain requirement: ${JSON.stringify(refused.slice(0, 120))}.`,
    nextStep: 'State the model’s packages as NAME==VERSION (pip_requirements); options, URLs and paths are refused.',
    retryable: false,
  });
}

function requirementsAt(artifacts: readonly Artifact[], root: string): { requirements?: string } {
  const path = below(root, 'requirements.txt');
  return artifacts.some((artifact) => artifact.path === path) ? { requirements: path } : {};
}

export const below = (root: string, path: string): string => (root === '' ? path : `${root}/${path}`);

function shallowest(artifacts: readonly Artifact[], name: string): string | undefined {
  return artifacts
    .map(({ path }) => path)
    .filter((path) => path === name || path.endsWith(`/${name}`))
    .map((path) => path.slice(0, Math.max(0, path.length - name.length - 1)))
    .sort((a, b) => a.split('/').length - b.split('/').length || a.length - b.length || (a < b ? -1 : 1))[0];
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
