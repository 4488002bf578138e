/**
 * What a container image means on a VM that runs none: `curated` and `python` say it all; a `base` has an operating
 * system and perhaps conda, and says nothing of Python packages.
 */
export type KnownImage =
  | { readonly kind: 'curated'; readonly name: string; readonly version?: string }
  | { readonly kind: 'python'; readonly python: string }
  | { readonly kind: 'base' };

/** Repositories whose images bring no Python package that a script would miss. */
const BASES = [
  /^mcr\.microsoft\.com\/azureml\/(openmpi|intelmpi|base|minimal)[\w.-]*$/,
  /^(ubuntu|debian|continuumio\/miniconda3|condaforge\/miniforge3|mambaorg\/micromamba)$/,
  /^mcr\.microsoft\.com\/(mirror\/docker\/library\/(ubuntu|debian)|devcontainers\/(base|miniconda))$/,
];
const CURATED = /^mcr\.microsoft\.com\/azureml\/curated\/([\w.-]+)$/;
const PYTHON = /^(?:mcr\.microsoft\.com\/(?:mirror\/docker\/library|devcontainers)\/)?python$/;

/** Undefined for an image that nobody here can speak for. */
export function knownImage(image: string): KnownImage | undefined {
  const { repository, tag } = parts(image);
  const curated = CURATED.exec(repository)?.[1];
  if (curated !== undefined)
    return { kind: 'curated', name: curated.toLowerCase(), ...(tag && tag !== 'latest' ? { version: tag } : {}) };
  const python = PYTHON.test(repository) ? /^(3\.\d{1,2})(?![\d])/.exec(tag ?? '')?.[1] : undefined;
  if (python !== undefined) return { kind: 'python', python };
  return BASES.some((base) => base.test(repository)) || PYTHON.test(repository) ? { kind: 'base' } : undefined;
}

/** Docker's own name for its library is left out, as Docker does. */
function parts(image: string): { repository: string; tag?: string } {
  const [named = ''] = image.split('@');
  const [, repository = '', tag] = /^(.*?)(?::([\w.-]+))?$/.exec(named) ?? [];
  return {
    repository: repository.replace(/^docker\.io\//, '').replace(/^library\//, ''),
    ...(tag === undefined ? {} : { tag }),
  };
}
