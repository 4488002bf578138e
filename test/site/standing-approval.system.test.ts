import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { canonicalArtifacts, type Inspection } from '../../domain/release.ts';
import { decisionStatement, type DecisionPredicate, type Envelope } from '../../domain/statement.ts';
import { TrainModelInput, type TrainModelRequest } from '../../domain/train-model-input.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import { verdictOf, type Reason } from '../../domain/verdict.ts';
import { replaceText } from '../../services/blob-storage.ts';
import { generateSigningKey, sha256, signStatement } from '../../services/signing.ts';
import { validInput } from '../domain/valid-input.ts';
import { startSite, type TestSite } from './site.ts';

const ana = generateSigningKey();
const FIRST = { release: { approval: { when: 'first', approvers: { ana: ana.publicKey } } } };
let site: TestSite;
let runs = 0;

before(async () => {
  site = await startSite();
  await site.put('hospital', 'breast-cancer/wdbc.csv', 'radius\n17.99\n');
  await site.configure(FIRST);
});
after(() => site[Symbol.asyncDispose]());

function newPlan(change: (input: TrainModelRequest) => void = () => {}): Promise<TrainingPlan> {
  const input = validInput();
  change(input);
  const named = { workflowId: 'train', originalExecutionRunId: `run-${++runs}` };
  return site.activities.planTraining({ input: TrainModelInput.parse(input), ...named });
}

/** What a run made: its own bytes. */
function inspected({ job }: TrainingPlan, ...reasons: Reason[]): Inspection {
  const artifacts = [{ path: 'MLmodel', bytes: 7, sha256: sha256(job) }];
  const verdicts = [verdictOf('MLmodel', 'yaml', reasons)];
  return {
    output: 'model',
    modelType: 'mlflow_model',
    artifacts,
    verdicts,
    digest: sha256(canonicalArtifacts(artifacts)),
  };
}

function word(plan: TrainingPlan, inspection: Inspection, standing: DecisionPredicate['standing'], by = ana): Envelope {
  const predicate: DecisionPredicate = {
    ...{ job: plan.job, site: plan.site, workflowId: plan.workflowId, release: inspection.digest },
    ...{ decision: 'approve', reason: 'looked through', by: 'ana', decidedAt: new Date().toISOString() },
    ...(standing ? { standing } : {}),
  };
  return signStatement(decisionStatement(predicate, inspection.artifacts), by.privateKey);
}

const asked = async (plan: TrainingPlan, ...reasons: Reason[]) =>
  (await site.activities.standingApproval({ plan, inspection: inspected(plan, ...reasons) })) === null;

test('the word on the first release holds for the next of the same recipe, until something of it changes', async () => {
  const plan = await newPlan();
  const inspection = inspected(plan);
  assert.ok(await asked(plan), 'nobody has said anything yet');
  const standing = { recipe: plan.recipe!, doubts: [] };
  const envelope = word(plan, inspection, standing);
  await site.activities.acceptDecision({ plan, inspection, envelope });

  const next = await newPlan();
  assert.notEqual(next.job, plan.job);
  assert.equal(next.recipe, plan.recipe);
  assert.deepEqual(await site.activities.standingApproval({ plan: next, inspection: inspected(next) }), envelope);
  assert.ok(await asked(next, 'stores-rows'), 'the gate doubts something new');
  const others = {
    command: await newPlan(({ job }) => (job.command += ' --more')),
    code: await newPlan((input) => (input.code = { digest: 'f'.repeat(64), bytes: 1, files: 1 })),
    environment: await newPlan(({ job }) => (job.environment = { conda_file: { dependencies: ['python=3.11'] } })),
    variables: await newPlan(({ job }) => (job.environment_variables = { A: 'b' })),
    model: await newPlan(({ model }) => (model.name = 'another')),
  };
  for (const [what, other] of Object.entries(others)) assert.ok(await asked(other), what);

  await site.configure({
    release: { approval: { when: 'first', approvers: { ana: generateSigningKey().publicKey } } },
  });
  assert.ok(await asked(next), 'ana has another key now');
  await site.configure(FIRST);
  assert.ok(!(await asked(next)));
});

test('a word that an approver did not give for that recipe is refused, and what a VM writes there is none', async () => {
  const plan = await newPlan(({ model }) => (model.name = 'forged'));
  const inspection = inspected(plan);
  const other = { recipe: '8'.repeat(64), doubts: [] };
  await assert.rejects(site.activities.acceptDecision({ plan, inspection, envelope: word(plan, inspection, other) }), {
    type: 'ApprovalRefused',
  });
  const standing = { recipe: plan.recipe!, doubts: [] };
  const forged = word(await newPlan(), inspection, standing, generateSigningKey());
  for (const text of [JSON.stringify(forged), '{}', 'no JSON']) {
    const path = `approvals/${plan.recipe}.json`;
    await replaceText(site.blobs.container('runs'), path, text, 'application/json');
    assert.ok(await asked(plan), text);
  }
});

test('a decision for one release alone holds for no other', async () => {
  const plan = await newPlan(({ model }) => (model.name = 'once'));
  const inspection = inspected(plan);
  await site.activities.acceptDecision({ plan, inspection, envelope: word(plan, inspection, undefined) });
  assert.ok(await asked(await newPlan(({ model }) => (model.name = 'once'))));
});
