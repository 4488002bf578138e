import { z } from 'zod';
import { PlannedImage } from './image-reference.ts';

/** A pip requirement as a conda or site file states it; no option, no URL, no local path: the site's index decides. */
export const Requirement = z
  .string()
  .max(300)
  .regex(
    /^[A-Za-z0-9][\w.-]*(\[[\w.,\s-]+\])?\s*((?:[<>]=?|[=!~]=|===)\s*(?:\d+!)?\w[\w.*+-]*\s*,?\s*)*(;[^\r\n]*)?$/,
    'a requirement is NAME[extras] and version bounds; options, URLs and paths are refused: the site decides where packages come from',
  );

export const PythonVersion = z
  .string()
  .regex(/^3\.\d{1,2}$/, 'a Python version is MAJOR.MINOR in quotes, such as "3.11"');

/**
 * What `uv` builds on the VM, before data is in reach; `digest` is the SHA-256 of `canonicalEnvironment`. Or an image that
 * is the cage's root as it is: then there is no `python` and no requirement, and `digest` is the image's.
 */
export const EnvironmentPlan = z.strictObject({
  name: z.string(),
  python: PythonVersion.optional(),
  image: PlannedImage.optional(),
  /** None: Python alone. */
  requirements: z.array(Requirement),
  digest: z.string(),
});
export type EnvironmentPlan = z.infer<typeof EnvironmentPlan>;

export function canonicalEnvironment(python: string, requirements: readonly string[]): string {
  return `python ${python}\n${[...requirements].sort().join('\n')}\n`;
}

/** An environment of the site's map: what a curated name means here. */
export const SiteEnvironment = z.strictObject({
  python: PythonVersion.describe('The Python that jobs run on; `uv` needs one of this version on the VM.'),
  requirements: z.array(Requirement).min(1).describe('pip requirements.'),
});
export type SiteEnvironment = z.infer<typeof SiteEnvironment>;

export const DEFAULT_PYTHON = '3.11';

/** What a job file calls an environment: a name, and the version where it states one; `@latest` states none. */
export interface EnvironmentName {
  readonly name: string;
  readonly version?: string;
}

const SPELLINGS = [
  /^azureml:\/\/registries\/[\w.-]+\/environments\/([\w.-]+)(?:\/(?:labels|versions)\/([\w.-]+))?$/,
  /^(?:azureml:)?\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.MachineLearningServices\/workspaces\/[^/]+\/environments\/([\w.-]+)\/versions\/([\w.-]+)$/i,
  /^(?:azureml:)?([A-Za-z0-9][\w.-]*)(?:[:@]([\w.-]+))?$/,
];

/**
 * Reads any of Azure ML's spellings; undefined where the text is none. The name is in lower case without `AzureML-`, so
 * `azureml://registries/azureml/environments/sklearn-1.5/labels/latest` and `azureml:AzureML-sklearn-1.5@latest` are one.
 */
export function environmentName(text: string): EnvironmentName | undefined {
  for (const spelling of SPELLINGS) {
    const [whole, name = '', version] = spelling.exec(text) ?? [];
    if (whole === undefined) continue;
    const stated = version === undefined || version === 'latest' ? {} : { version };
    return { name: name.replace(/^AzureML-/i, '').toLowerCase(), ...stated };
  }
  return undefined;
}
