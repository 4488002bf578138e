import { z } from 'zod';
import { PublicKey } from './public-key.ts';
import { Sha256 } from './resource-names.ts';
import { TrackingPolicy } from './tracking-policy.ts';
import { REASONS, Verdict, type Reason } from './verdict.ts';

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
  /** What the gate on the VM made of each artifact, in their order. */
  verdicts: z.array(Verdict),
  /** SHA-256 of `canonicalArtifacts`: what an approver decides on. */
  digest: Sha256,
});
export type Inspection = z.infer<typeof Inspection>;

/** What left the site, and nothing else did. */
export const Release = z.strictObject({
  ...Inspection.shape,
  bytes: z.int().min(0),
  /** The URL below which each artifact went, by its path, without what permitted it. Older releases do not say. */
  destination: z.string().optional(),
});
export type Release = z.infer<typeof Release>;

/** Who must have signed before anything leaves. */
export const ApprovalPolicy = z.strictObject({
  when: z
    .enum(['always', 'first', 'unsure'])
    .default('always')
    .describe(
      '`always`: for each release. `first`: for the first one that the same code, command and environment make of the same data for a model; later ones leave as it did, unless the gate on the VM doubts something new. `unsure`: only where the gate is unsure of a file.',
    ),
  approvers: z
    .record(
      z.string().regex(/^(?!unsigned$)[\w.@-]{1,64}$/, 'an approver’s name is 1 to 64 of letters, digits and . _ @ -'),
      PublicKey,
    )
    .refine((approvers) => Object.keys(approvers).length > 0, 'names no approver, so nothing could ever leave')
    .describe('Who may approve: a name, and the P-256 public key (SPKI PEM) of `approval.key` in their `client.yml`.'),
  unsigned: z
    .boolean()
    .default(false)
    .describe(
      'Whether a decision counts without a signature too, as the Temporal UI sends it: then whoever may write to the namespace decides, and the receipt says `unsigned`.',
    ),
});

/** What the site lets out; read from `site.yml` by the site worker and from the root-owned policy on the VM. */
export const ReleasePolicy = z.strictObject({
  pickle: z
    .enum(['approve', 'deny', 'allow'])
    .default('approve')
    .describe(
      'Whether pickles (joblib, torch) may leave, by their content: signed for by an approver, never, or as any other file. A pickle is code to whoever loads it, and may hold rows of data.',
    ),
  maxBytes: z
    .int()
    .min(1)
    .default(2 ** 30)
    .describe('All files of a model together.'),
  maxFiles: z.int().min(1).default(1000).describe('The files of a model.'),
  approval: ApprovalPolicy.optional().describe(
    'Where it is there, nothing that needs approval leaves before one of these has signed for exactly those files.',
  ),
  tracking: TrackingPolicy.prefault({}).describe('What metrics and parameters may tell.'),
});
export type ReleasePolicy = z.infer<typeof ReleasePolicy>;

/** Of a plan's policy: one that is in flight since an older edge-train has none. */
export const trackingPolicy = (policy: ReleasePolicy): TrackingPolicy => ReleasePolicy.parse(policy).tracking;

/** Who decided, where nobody signed. */
export const UNSIGNED = 'unsigned';

/** What a policy is asked about: the files, and what the gate made of each. */
export type Examined = Pick<Inspection, 'artifacts' | 'verdicts'>;

/** Every reason why these artifacts may not leave; none means that they may. Names, which a script chose, stay on site. */
export function refusals(policy: ReleasePolicy, { artifacts, verdicts }: Examined): string[] {
  const bytes = artifacts.reduce((sum, artifact) => sum + artifact.bytes, 0);
  const having = (reason: Reason) => verdicts.filter(({ reasons }) => reasons.includes(reason)).length;
  const told = (reason: Reason) => `${having(reason)} of ${artifacts.length} files ${REASONS[reason].text}`;
  const found = reasonsOf(verdicts);
  const forApprover = found.filter((reason) => isDoubt(policy, reason));
  const asJudged = artifacts.every(({ path }, index) => verdicts[index]?.path === path);
  return [
    ...(artifacts.length > policy.maxFiles
      ? [`${artifacts.length} files, and the site allows ${policy.maxFiles}`]
      : []),
    ...(bytes > policy.maxBytes ? [`${bytes} bytes, and the site allows ${policy.maxBytes}`] : []),
    ...(asJudged && verdicts.length === artifacts.length ? [] : ['not each of the files has a verdict']),
    ...found.filter((reason) => REASONS[reason].verdict === 'refuse').map(told),
    ...(policy.pickle === 'deny' && found.includes('pickle') ? [`${told('pickle')}, and the site denies pickles`] : []),
    ...(policy.approval ? [] : forApprover.map((reason) => `${told(reason)}, and ${NO_APPROVER}`)),
  ];
}

const NO_APPROVER =
  'the site names no approver who could sign for them (release.approval in site.yml; for pickles, release.pickle: allow does without)';

/** What the gate was unsure of in these files, as far as an approver must have seen it. */
export const doubts = (policy: ReleasePolicy, { verdicts }: Pick<Examined, 'verdicts'>): Reason[] =>
  reasonsOf(verdicts).filter((reason) => isDoubt(policy, reason));

/** Whether one of the site’s approvers must have signed for exactly these artifacts before they leave. */
export function needsApproval(policy: ReleasePolicy, { verdicts }: Pick<Examined, 'verdicts'>): boolean {
  if (!policy.approval) return false;
  return policy.approval.when !== 'unsure' || doubts(policy, { verdicts }).length > 0;
}

/** A reason that a person must weigh; of pickles, the policy says whether. */
function isDoubt(policy: ReleasePolicy, reason: Reason): boolean {
  return REASONS[reason].verdict === 'unsure' && (reason !== 'pickle' || policy.pickle === 'approve');
}

/** By what the verdicts name, whatever they conclude: a verdict that was tampered with concludes what it likes. */
const reasonsOf = (verdicts: readonly Verdict[]): Reason[] =>
  [...new Set(verdicts.flatMap(({ reasons }) => reasons))].sort();

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
