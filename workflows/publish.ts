import { bytesText } from '../domain/amount-text.ts';
import type { ContainerImage, ModelVersion, RegistrationRequest } from '../domain/model-version.ts';
import { RegistrationAnswer } from '../domain/model-version.ts';
import { SIGNAL } from '../domain/signals.ts';
import type { Receipt } from '../domain/statement.ts';
import { parse } from '../domain/validation.ts';
import { Answers } from './answers.ts';
import { failWith } from './failure.ts';
import type { Progress } from './status.ts';
import { cloudSteps, siteSteps } from './steps.ts';
import type { VersionedRecord } from './withdrawal.ts';

export interface Published {
  readonly receipt: Receipt;
  readonly version: ModelVersion;
  readonly image: ContainerImage;
}

/** From what left the site to what can be deployed. The signed receipt comes first; a version, once made, stays. */
export async function publish(
  request: Omit<RegistrationRequest, 'receipt'>,
  record: VersionedRecord,
  progress: Progress,
): Promise<Published> {
  const { evidence } = request;
  const { repository } = evidence.plan.image;
  const receipt = await progress.step(
    'receipt',
    () => siteSteps().issueReceipt(evidence),
    ({ digest }) => `sha256:${digest}`,
  );
  const version = await progress.step(
    'register',
    () => registered({ ...request, receipt }),
    ({ name, version }) => `${name} version ${version}`,
  );
  record.registered();
  const image = await progress.step(
    'image',
    () => cloudSteps().buildImage({ evidence, version, repository }),
    ({ repository, tag, digest, uploadedBytes }) => `${repository}:${tag}@${digest}, ${bytesText(uploadedBytes)} sent`,
  );
  return { receipt, version, image };
}

/** The model's own workflow gives versions, in order. */
async function registered(request: RegistrationRequest): Promise<ModelVersion> {
  const answers = new Answers<RegistrationAnswer>(
    SIGNAL.versionRegistered,
    request.holder.job,
    (value) => parse(RegistrationAnswer, value),
    'From the model’s workflow: the version, or why there is none.',
  );
  const answer = await answers.to(() => cloudSteps().requestRegistration(request));
  if (answer.kind === 'refused') throw failWith(answer.failure);
  return answer.version;
}
