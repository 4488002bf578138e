import { z } from 'zod';

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

/** What `uv` builds on the VM, before data is in reach. `digest` is the SHA-256 of `canonicalEnvironment`. */
export const EnvironmentPlan = z.strictObject({
  name: z.string(),
  python: PythonVersion,
  requirements: z.array(Requirement).min(1),
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

/** The conda files that a site can honour: Python and pip; other conda packages are refused, since no conda runs here. */
export const CondaFile = z.strictObject({
  name: z.string().max(100).optional(),
  channels: z.array(z.string().max(200)).optional(),
  dependencies: z
    .array(
      z.union([
        z
          .string()
          .regex(
            /^(python|pip)\s*(=|==|>=|~=)?\s*[\d.*]*$/,
            'only python and pip may stand outside the pip list: environments are made by uv from Python packages',
          ),
        z.strictObject({ pip: z.array(Requirement) }),
      ]),
    )
    .min(1),
});
export type CondaFile = z.infer<typeof CondaFile>;

export function fromConda(conda: CondaFile): { python: string; requirements: string[] } {
  const strings = conda.dependencies.filter((item): item is string => typeof item === 'string');
  const python = strings.map((item) => /^python\D*(3\.\d+)/.exec(item)?.[1]).find((version) => version !== undefined);
  const requirements = conda.dependencies.flatMap((item) => (typeof item === 'string' ? [] : item.pip));
  return { python: python ?? DEFAULT_PYTHON, requirements };
}

export const DEFAULT_PYTHON = '3.11';

/**
 * The curated name in either of Azure ML's spellings, without version or label; undefined when it is none.
 * `azureml://registries/azureml/environments/sklearn-1.5/labels/latest` and `azureml:AzureML-sklearn-1.5@latest`
 * are one environment.
 */
export function curatedName(environment: string): string | undefined {
  const registry = /^azureml:\/\/registries\/[\w.-]+\/environments\/([\w.-]+)(?:\/(?:labels|versions)\/[\w.-]+)?$/.exec(
    environment,
  );
  const asset = /^(?:azureml:)?([A-Za-z0-9][\w.-]*)(?:(?::|@)[\w.-]+)?$/.exec(environment);
  return (registry?.[1] ?? asset?.[1])?.replace(/^AzureML-/i, '').toLowerCase();
}
