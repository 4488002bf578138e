import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalArtifacts, ReleasePolicy } from '../../domain/release.ts';
import { decisionStatement, type DecisionPredicate, type Envelope } from '../../domain/statement.ts';
import {
  requireApproval,
  requireOwnStanding,
  unsignedDecision,
  verifyDecision,
} from '../../services/release-decision.ts';
import { verdictOf, type Reason } from '../../domain/verdict.ts';
import { generateSigningKey, sha256, signStatement } from '../../services/signing.ts';

const ana = generateSigningKey();
const ben = generateSigningKey();
const artifacts = [{ path: 'MLmodel', bytes: 7, sha256: 'a'.repeat(64) }];
const policy = ReleasePolicy.parse({ approval: { approvers: { ana: ana.publicKey, ben: ben.publicKey } } });
const about = { policy, site: 'demo', job: '0'.repeat(20), artifacts };
const decision: DecisionPredicate = {
  job: about.job,
  site: 'demo',
  workflowId: 'train-demo-x',
  release: sha256(canonicalArtifacts(artifacts)),
  decision: 'approve',
  reason: 'no row in it',
  by: 'ana',
  decidedAt: '2026-01-02T03:04:05.000Z',
};
const signed = (change: Partial<DecisionPredicate> = {}, key = ana, files = artifacts) =>
  signStatement(decisionStatement({ ...decision, ...change }, files), key.privateKey);

test('a decision that nobody signed counts where the site says so, and as nobody’s', () => {
  const loose = { ...about, policy: ReleasePolicy.parse({ approval: { ...policy.approval, unsigned: true } }) };
  const said = { decision: 'approve', reason: 'seen in the UI' } as const;
  const envelope = unsignedDecision(said, { ...about, workflowId: 'train-demo-x' }, artifacts);
  const { by, reason, decision: told } = verifyDecision(envelope, loose);
  assert.deepEqual([by, reason, told], ['unsigned', 'seen in the UI', 'approve']);
  assert.throws(() => verifyDecision(envelope, about), { type: 'ApprovalRefused', message: /no unsigned decision/ });
  for (const other of [
    { ...signed(), signatures: [] },
    unsignedDecision(said, { ...about, workflowId: 'w' }, []),
    unsignedDecision(said, { ...about, job: '1'.repeat(20), workflowId: 'w' }, artifacts),
    { ...envelope, payload: 'eHg=' },
  ])
    assert.throws(() => verifyDecision(other, loose), { type: 'ApprovalRefused' });
  const named = ReleasePolicy.safeParse({ approval: { approvers: { unsigned: ana.publicKey } } });
  assert.equal(named.success, false, 'no approver has that name');
});

test('a decision by an approver of the site on just these files counts, as it was signed', () => {
  assert.deepEqual(verifyDecision(signed(), about), decision);
  assert.equal(verifyDecision(signed({ decision: 'reject' }), about).decision, 'reject');
});

const refusedOnes: readonly [string, () => unknown, string][] = [
  ['none at all', () => verifyDecision(undefined, about), 'ApprovalMissing'],
  ['by nobody whom the site names', () => verifyDecision(signed({ by: 'eve' }), about), 'ApprovalRefused'],
  ['by a name of every object', () => verifyDecision(signed({ by: 'constructor' }), about), 'ApprovalRefused'],
  ['in ana’s name by ben’s key', () => verifyDecision(signed({}, ben), about), 'SignatureInvalid'],
  ['on another job', () => verifyDecision(signed({ job: '1'.repeat(20) }), about), 'ApprovalRefused'],
  ['for another site', () => verifyDecision(signed({ site: 'other' }), about), 'ApprovalRefused'],
  ['on another release', () => verifyDecision(signed({ release: 'b'.repeat(64) }), about), 'ApprovalRefused'],
  [
    'on other files',
    () => verifyDecision(signed({}, ana, [{ ...artifacts[0]!, sha256: 'b'.repeat(64) }]), about),
    'ApprovalRefused',
  ],
  [
    'on more files than it says',
    () => verifyDecision(signed(), { ...about, artifacts: [...artifacts, { ...artifacts[0]!, path: 'rows.csv' }] }),
    'ApprovalRefused',
  ],
  [
    'of another kind of document',
    () => verifyDecision(signStatement({ predicate: { by: 'ana' } }, ana.privateKey), about),
    'ApprovalRefused',
  ],
  ['changed after it was signed', () => verifyDecision(tampered(), about), 'SignatureInvalid'],
  ['with a payload that is no JSON', () => verifyDecision({ ...signed(), payload: 'eHg=' }, about), 'ApprovalRefused'],
  [
    'where the site names no approver',
    () => verifyDecision(signed(), { ...about, policy: ReleasePolicy.parse({}) }),
    'ApprovalRefused',
  ],
];
for (const [what, verify, type] of refusedOnes)
  test(`a decision ${what} is refused`, () => assert.throws(verify, { type, class: 'policy', retryable: false }));

function tampered() {
  const envelope = signed({ decision: 'reject' });
  const statement = JSON.parse(Buffer.from(envelope.payload, 'base64').toString()) as { predicate: DecisionPredicate };
  statement.predicate.decision = 'approve';
  return { ...envelope, payload: Buffer.from(JSON.stringify(statement)).toString('base64') };
}

/** The next run of the same recipe: another job, other files. */
const recipe = '7'.repeat(64);
const files = [{ path: 'MLmodel', bytes: 8, sha256: 'd'.repeat(64) }];
const first = (when: 'first' | 'always' = 'first') =>
  ReleasePolicy.parse({ approval: { ...policy.approval, when }, pickle: 'approve' });
const next = (...reasons: Reason[]) => ({
  ...{ policy: first(), site: 'demo', job: '1'.repeat(20), artifacts: files, recipe },
  verdicts: [verdictOf('MLmodel', 'yaml', reasons)],
});
const standing = { recipe, doubts: ['pickle' as const] };

test('where the first release is asked for, the word on it holds for the next of its recipe, and for no doubt that is new', () => {
  const word = signed({ standing });
  assert.equal(requireApproval(word, next())?.job, decision.job);
  assert.equal(requireApproval(word, next('pickle'))?.by, 'ana');
  // On its own release it is a decision like any other.
  assert.equal(requireApproval(word, { ...next(), ...about, policy: first() })?.job, about.job);
  const refused = { type: /ApprovalRefused|SignatureInvalid/ };
  const cases: [string, Envelope, ReturnType<typeof next>][] = [
    ['a doubt that is new', word, next('stores-rows')],
    ['another recipe', word, { ...next(), recipe: '8'.repeat(64) }],
    ['another site', word, { ...next(), site: 'other' }],
    ['a word for that release alone', signed(), next()],
    ['a rejection', signed({ standing, decision: 'reject' }), next()],
    ['another key', signed({ standing }, ben), next()],
    ['one who may no longer approve', signed({ standing, by: 'eve' }), next()],
    ['a site that asks for each', word, { ...next(), policy: first('always') }],
    ['a signature that was taken off', { ...word, signatures: [] }, next()],
  ];
  for (const [what, envelope, release] of cases) assert.throws(() => requireApproval(envelope, release), refused, what);
});

test('what a decision says of later releases must be what the site says of them', () => {
  const own = { ...next('pickle'), recipe };
  requireOwnStanding({ ...decision }, own);
  requireOwnStanding({ ...decision, standing }, own);
  for (const wrong of [
    { recipe: '8'.repeat(64), doubts: standing.doubts },
    { recipe, doubts: [] },
    { recipe, doubts: ['pickle' as const, 'stores-rows' as const] },
  ])
    assert.throws(() => requireOwnStanding({ ...decision, standing: wrong }, own), { type: 'ApprovalRefused' });
  const each = { ...own, policy: first('always') };
  assert.throws(() => requireOwnStanding({ ...decision, standing }, each), { type: 'ApprovalRefused' });
});
