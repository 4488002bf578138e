import type { JobEnvironment } from '../../../domain/command-job.ts';
import { CondaFile, fromConda } from '../../../domain/conda-file.ts';
import { CURATED_ENVIRONMENTS } from '../../../domain/curated-environments.ts';
import {
  canonicalEnvironment,
  environmentName,
  type EnvironmentName,
  type EnvironmentPlan,
  type SiteEnvironment,
} from '../../../domain/environment.ts';
import { knownImage, type KnownImage } from '../../../domain/known-images.ts';
import type { SiteFile } from '../../../domain/site-file.ts';
import { shown, type Issue } from '../../../domain/validation.ts';
import { sha256 } from '../../../services/signing.ts';
import type { Choice } from '../plan-training.ts';

type Inline = Exclude<JobEnvironment, string>;

/** What `uv` will build: the site's map first, then what edge-train ships, or the job's own conda file. */
export function chooseEnvironment(site: SiteFile, asked: JobEnvironment): Choice<EnvironmentPlan> {
  const map: Readonly<Record<string, SiteEnvironment>> = { ...CURATED_ENVIRONMENTS, ...site.environments };
  const chosen = typeof asked === 'string' ? byName(map, asked) : inline(map, asked);
  return 'rule' in chosen ? { issues: [chosen] } : { value: chosen, issues: [] };
}

type Chosen = EnvironmentPlan | Issue;

function byName(map: Readonly<Record<string, SiteEnvironment>>, asked: string): Chosen {
  const name = environmentName(asked);
  const found = name && inMap(map, name);
  if (name && found) return planned(name.name, found);
  const rule = `this site maps no such environment; it maps ${known(map)}. Name one of them, give a conda_file inline, or let the operator add it to environments in site.yml`;
  return { path: 'job.environment', rule, value: shown(asked) };
}

function inline(map: Readonly<Record<string, SiteEnvironment>>, asked: Inline): Chosen {
  const { image, conda_file } = asked;
  const onImage = image === undefined ? undefined : byImage(map, image);
  // Beside a conda file an image is only what lies below: it need not say anything of Python.
  const isKnown = image === undefined || knownImage(image) !== undefined || (onImage && !('rule' in onImage));
  if (onImage && (conda_file === undefined || !isKnown)) return onImage;
  const conda = CondaFile.safeParse(conda_file);
  if (!conda.success) return { path: 'job.environment.conda_file', rule: 'must hold the conda file’s content' };
  return planned(asked.name ?? conda.data.name ?? 'inline', fromConda(conda.data));
}

/** The site's word for an image comes before what is known of Azure's and Docker's own. */
function byImage(map: Readonly<Record<string, SiteEnvironment>>, image: string): Chosen {
  const means = knownImage(image);
  const key = image.toLowerCase();
  const found = Object.hasOwn(map, key) ? map[key] : means?.kind === 'curated' ? inMap(map, means) : undefined;
  if (found) return planned(image, found);
  if (means?.kind === 'python') return planned(image, { python: means.python, requirements: [] });
  return { path: 'job.environment.image', rule: whyNot(map, means), value: shown(image) };
}

function whyNot(map: object, means: KnownImage | undefined): string {
  if (means?.kind === 'base') return 'says nothing of Python and its packages; give a conda_file beside it';
  if (means) return `this site maps no such environment; it maps ${known(map)}`;
  return `this site takes no image from there, and what this image holds is not known. Known are python:3.x and Azure ML’s curated and base images; the operator can add its registry to registries in site.yml, or what it means to environments, which maps ${known(map)}`;
}

/** By name and version where the map has it, else by name: it stands for every version. */
function inMap(map: Readonly<Record<string, SiteEnvironment>>, { name, version }: EnvironmentName) {
  const key = [`${name}:${version ?? ''}`, name].find((each) => Object.hasOwn(map, each));
  return key === undefined ? undefined : map[key];
}

const known = (map: object): string => Object.keys(map).sort().join(', ');

/** Sorted, so that the same packages in another order are the same environment. */
function planned(name: string, { python, requirements }: SiteEnvironment): EnvironmentPlan {
  return {
    name,
    python,
    requirements: [...requirements].sort(),
    digest: sha256(canonicalEnvironment(python, requirements)),
  };
}
