import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { EdgeDependencies } from '../../activities/edge/dependencies.ts';
import { recordInspection, requireRecorded } from '../../activities/edge/inspection-record.ts';
import { recordRecipe, requireTrained } from '../../activities/edge/trained-recipe.ts';
import type { Inspection } from '../../domain/release.ts';
import { verdictOf } from '../../domain/verdict.ts';

const JOB = 'a'.repeat(20);
const home = mkdtempSync(join(tmpdir(), 'edge-train-inspected-'));
const edge = { home } as EdgeDependencies;
mkdirSync(join(home, 'jobs', JOB, 'spec'), { recursive: true });
after(() => rmSync(home, { recursive: true }));

const inspection: Inspection = {
  output: 'model',
  modelType: 'custom_model',
  artifacts: [{ path: 'model.pkl', bytes: 1, sha256: 'a'.repeat(64) }],
  verdicts: [verdictOf('model.pkl', 'pickle', ['pickle'])],
  digest: 'b'.repeat(64),
};

test('without an approver a VM sends exactly what it has inspected, whatever a workflow says', async () => {
  const refused = { type: 'NotInspected', class: 'policy', retryable: false };
  await assert.rejects(requireRecorded(edge, JOB, inspection), refused);
  await recordInspection(edge, JOB, inspection);
  await recordInspection(edge, JOB, inspection);
  await requireRecorded(edge, JOB, structuredClone(inspection));
  for (const lie of [
    { ...inspection, verdicts: [] },
    { ...inspection, verdicts: [verdictOf('model.pkl', 'json', [])] },
    { ...inspection, artifacts: [{ path: 'held-out.csv', bytes: 1, sha256: 'c'.repeat(64) }] },
    { ...inspection, output: 'predictions' },
  ])
    await assert.rejects(requireRecorded(edge, JOB, lie), refused);
});

test('an earlier approval lets out only what this VM has trained by that recipe', async () => {
  const refused = { type: 'ApprovalRefused', class: 'policy', retryable: false };
  await assert.rejects(requireTrained(edge, JOB, '7'.repeat(64)), refused);
  await recordRecipe(edge, JOB, '7'.repeat(64));
  await requireTrained(edge, JOB, '7'.repeat(64));
  await assert.rejects(requireTrained(edge, JOB, '8'.repeat(64)), refused);
});
