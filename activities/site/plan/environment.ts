import type { JobEnvironment } from '../../../domain/command-job.ts';
import { CURATED_ENVIRONMENTS } from '../../../domain/curated-environments.ts';
import {
  canonicalEnvironment,
  CondaFile,
  curatedName,
  fromConda,
  type EnvironmentPlan,
  type SiteEnvironment,
} from '../../../domain/environment.ts';
import type { SiteFile } from '../../../domain/site-file.ts';
import { shown } from '../../../domain/validation.ts';
import { sha256 } from '../../../services/signing.ts';
import type { Choice } from '../plan-training.ts';

/** What `uv` will build: the site's map first, then what edge-train ships, or the job's own conda file. */
export function chooseEnvironment(site: SiteFile, asked: JobEnvironment): Choice<EnvironmentPlan> {
  return typeof asked === 'string' ? mapped(site, asked) : inline(asked);
}

function mapped(site: SiteFile, asked: string): Choice<EnvironmentPlan> {
  const map: Readonly<Record<string, SiteEnvironment>> = { ...CURATED_ENVIRONMENTS, ...site.environments };
  const name = curatedName(asked);
  const found = name !== undefined && Object.hasOwn(map, name) ? map[name] : undefined;
  if (name !== undefined && found) return { value: planned(name, found), issues: [] };
  const rule = `this site maps no such environment; it maps ${Object.keys(map).sort().join(', ')}. Name one of them, give a conda_file inline, or let the operator add it to environments in site.yml`;
  return { issues: [{ path: 'job.environment', rule, value: shown(asked) }] };
}

function inline(asked: Exclude<JobEnvironment, string>): Choice<EnvironmentPlan> {
  const conda = CondaFile.safeParse(asked.conda_file);
  const path = 'job.environment.conda_file';
  if (!conda.success) return { issues: [{ path, rule: 'must hold the conda file’s content' }] };
  const environment = fromConda(conda.data);
  if (environment.requirements.length === 0)
    return { issues: [{ path, rule: 'has no pip list, so there is nothing to train with' }] };
  return { value: planned(asked.name ?? conda.data.name ?? 'inline', environment), issues: [] };
}

/** Sorted, so that the same packages in another order are the same environment. */
function planned(name: string, { python, requirements }: SiteEnvironment): EnvironmentPlan {
  return {
    name,
    python,
    requirements: [...requirements].sort(),
    digest: sha256(canonicalEnvironment(python, requirements)),
  };
}
