import { join } from 'node:path';
import { heartbeat } from '@temporalio/activity';
import { count } from '../../domain/amount-text.ts';
import { Artifact, canonicalArtifacts, refusals, type Inspection } from '../../domain/release.ts';
import { siteRunPath } from '../../domain/resource-names.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import type { Verdict } from '../../domain/verdict.ts';
import { ServiceError } from '../../services/errors.ts';
import { sha256 } from '../../services/signing.ts';
import type { EdgeDependencies } from './dependencies.ts';
import { lookThrough } from './gate/look-through.ts';
import { fingerprintInputs } from './gate/search-file.ts';
import { recordInspection } from './inspection-record.ts';
import { loggedModels } from './logged-model.ts';
import { modelFault, type ModelFault } from './model-fault.ts';
import { declaredOutputs, digestFile, outputFolder, walk, type OutputFile } from './output-files.ts';
import { readPolicy } from './policy.ts';

/**
 * What of the model's output would leave, file by file as the gate has written it, with digest and the gate's verdict, checked against the root-owned policy, and
 * written down for `releaseArtifacts`. The same outputs have the same answer. @throws ServiceError `NoModel`, `AmbiguousModel`, `EmptyModel` (script), `ReleaseRefused` (policy)
 */
export async function inspectOutputs(edge: EdgeDependencies, plan: TrainingPlan): Promise<Inspection> {
  const { model } = plan;
  const base = join(outputFolder(edge.home, plan.job, model.output), model.path);
  const { files, others } = await walk(base);
  const fault = modelFault(model.type, files);
  if (fault) throw notOneModel(plan, fault, await found(edge, plan));
  if (others > 0) throw refused([`${others} of its entries are links, pipes or devices; only regular files leave`]);

  const artifacts: Artifact[] = [];
  const verdicts: Verdict[] = [];
  const beat = () => heartbeat({ inspected: artifacts.length });
  const fingerprints = await fingerprintInputs(edge.home, plan.job, beat);
  for (const file of files) {
    beat();
    const leaving = await lookThrough(edge.home, plan.job, file, fingerprints, beat);
    artifacts.push(await artifactOf(leaving.file));
    verdicts.push(leaving.verdict);
  }
  const reasons = refusals((await readPolicy(edge)).release, { artifacts, verdicts });
  if (reasons.length > 0) throw refused(reasons);
  const digest = sha256(canonicalArtifacts(artifacts));
  const inspection = { output: model.output, modelType: model.type, artifacts, verdicts, digest };
  await recordInspection(edge, plan.job, inspection);
  return inspection;
}

async function artifactOf({ path, absolute }: OutputFile): Promise<Artifact> {
  const parsed = Artifact.safeParse({ path, ...(await digestFile(absolute)) });
  if (!parsed.success) throw refused([`a file’s name is refused: ${parsed.error.issues[0]?.message ?? 'it is odd'}`]);
  return parsed.data;
}

/** Counts only: names that a script chose stay on site. */
async function found(edge: EdgeDependencies, plan: TrainingPlan): Promise<string> {
  const counts = await Promise.all(
    declaredOutputs(plan).map(async (output) => {
      const { files } = await walk(outputFolder(edge.home, plan.job, output));
      const models = files.filter(({ path }) => path.split('/').at(-1) === 'MLmodel').length;
      return `${output}: ${files.length} files${models > 0 ? `, ${models} of them MLmodel` : ''}`;
    }),
  );
  const logged = (await loggedModels(edge.home, plan.job)).length;
  return [...counts, ...(logged > 0 ? [`logged with MLflow: ${count(logged, 'model')}`] : [])].join('; ');
}

function notOneModel(plan: TrainingPlan, fault: ModelFault, seen: string): ServiceError {
  const where = [plan.model.output, plan.model.path].filter(Boolean).join('/');
  return new ServiceError({
    class: 'script',
    type: fault.type,
    cause: `The script ended with exit code 0, but in the output ${where} ${fault.cause}. Found: ${seen}.`,
    nextStep: `${fault.nextStep} What was left is on site in ${siteRunPath(plan.job, 'outputs')}.`,
    retryable: false,
  });
}

function refused(reasons: readonly string[]): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'ReleaseRefused',
    cause: `The model may not leave the site: ${reasons.slice(0, 10).join('; ')}.`,
    nextStep:
      'Save the model in a form that the site allows, or ask its operator (site.yml: release). docs/security.md says what may leave.',
    retryable: false,
  });
}
