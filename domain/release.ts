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
  /** SHA-256 of `canonicalArtifacts`: what an approver decides on. */
  digest: Sha256,
});
export type Inspection = z.infer<typeof Inspection>;

/** What left the site, and nothing else did. */
export const Release = z.strictObject({
  ...Inspection.shape,
  bytes: z.int().min(0),
});
export type Release = z.infer<typeof Release>;

/** What the site lets out; read from `site.yml` by the site worker and from the root-owned policy on the VM. */
export const ReleasePolicy = z.strictObject({
  pickle: z
    .enum(['allow', 'deny'])
    .default('deny')
    .describe(
      'Whether pickles may leave (by file name). A pickle is code to whoever loads it, and may hold rows of data.',
    ),
  maxBytes: z
    .int()
    .min(1)
    .default(2 ** 30)
    .describe('All files of a model together.'),
  maxFiles: z.int().min(1).default(1000).describe('The files of a model.'),
  approval: z
    .strictObject({
      approvers: z
        .record(
          z.string().regex(/^[\w.@-]{1,64}$/, 'an approver’s name is 1 to 64 of letters, digits and . _ @ -'),
          z.string().startsWith('-----BEGIN PUBLIC KEY-----', 'an SPKI PEM public key'),
        )
        .refine((approvers) => Object.keys(approvers).length > 0, 'names no approver, so nothing could ever leave')
        .describe(
          'Who may approve: a name, and the P-256 public key (SPKI PEM) of `approval.key` in their `client.yml`.',
        ),
    })
    .optional()
    .describe('Where it is there, nothing leaves before one of these has signed for exactly those files.'),
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
