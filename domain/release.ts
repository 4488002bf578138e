import { z } from 'zod';
import { Sha256 } from './resource-names.ts';

/** One file that may leave the site: its path below the output's folder, and what it must hash to at both ends. */
export const Artifact = z.strictObject({
  path: z
    .string()
    .min(1)
    .max(700)
    .refine(isArtifactPath, 'an artifact’s path is relative, of letters, digits and . _ - /'),
  bytes: z.int().min(0),
  sha256: Sha256,
});
export type Artifact = z.infer<typeof Artifact>;

/** What was found in the declared outputs, before anyone says that it may go. */
export const Inspection = z.strictObject({
  /** The output that is the model. */
  output: z.string(),
  modelType: z.enum(['mlflow_model', 'custom_model']),
  artifacts: z.array(Artifact).min(1),
});
export type Inspection = z.infer<typeof Inspection>;

/** What left the site, and nothing else did: `digest` is the SHA-256 of `canonicalArtifacts`. */
export const Release = z.strictObject({
  ...Inspection.shape,
  digest: Sha256,
  bytes: z.int().min(0),
});
export type Release = z.infer<typeof Release>;

/** What the site lets out; read from `site.yml` by the site worker and from the root-owned policy on the VM. */
export const ReleasePolicy = z.strictObject({
  /** Pickle is code and may hold rows of data: `allow` it, or `deny` it. */
  pickle: z.enum(['allow', 'deny']).default('deny'),
  maxBytes: z
    .int()
    .min(1)
    .default(2 ** 30),
  maxFiles: z.int().min(1).default(1000),
});
export type ReleasePolicy = z.infer<typeof ReleasePolicy>;

export const isPickle = (path: string): boolean => /\.(pkl|pickle|joblib|skops|cloudpickle|pt|pth)$/i.test(path);

/** Every reason why these artifacts may not leave; none means that they may. Names, which a script chose, stay on site. */
export function refusals(policy: ReleasePolicy, artifacts: readonly Artifact[]): string[] {
  const bytes = artifacts.reduce((sum, artifact) => sum + artifact.bytes, 0);
  const pickles = artifacts.filter(({ path }) => isPickle(path));
  return [
    ...(artifacts.length > policy.maxFiles
      ? [`${artifacts.length} files, and the site allows ${policy.maxFiles}`]
      : []),
    ...(bytes > policy.maxBytes ? [`${bytes} bytes, and the site allows ${policy.maxBytes}`] : []),
    ...(policy.pickle === 'deny' && pickles.length > 0
      ? [
          `${pickles.length} of ${artifacts.length} files are pickles (${suffixes(pickles)}), and the site denies pickles`,
        ]
      : []),
  ];
}

function suffixes(artifacts: readonly Artifact[]): string {
  return [...new Set(artifacts.map(({ path }) => path.slice(path.lastIndexOf('.')).toLowerCase()))].sort().join(', ');
}

/** The text whose SHA-256 is the release's digest: `sha256 bytes path` a line, in code-unit order of the path. */
export function canonicalArtifacts(artifacts: readonly Artifact[]): string {
  return [...artifacts]
    .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
    .map(({ path, bytes, sha256 }) => `${sha256} ${bytes} ${path}\n`)
    .join('');
}

function isArtifactPath(path: string): boolean {
  return path
    .split('/')
    .every((part) => /^[\w.+@ -]{1,255}$/.test(part) && !/^\.{1,2}$/.test(part) && part.trim() === part);
}
