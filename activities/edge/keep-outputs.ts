import { join } from 'node:path';
import { heartbeat } from '@temporalio/activity';
import pMap from 'p-map';
import type { SealedGrant } from '../../domain/grant.ts';
import { siteRunPath } from '../../domain/resource-names.ts';
import type { TrainingPlan } from '../../domain/training-plan.ts';
import { openContainer, STACK_HUB_VERSION, type BlobContainer } from '../../services/blob-storage.ts';
import { toServiceError } from '../../services/errors.ts';
import { breakableConnection, type EdgeDependencies } from './dependencies.ts';
import { openGrant } from './grants.ts';
import { declaredOutputs, jobFolder, openRegular, outputFolder, walk, type OutputFile } from './output-files.ts';
import { trackingStore } from './tracking-store.ts';

/** A blob's name has at most 880 characters on Stack Hub. */
const MAX_NAME = 880;
/** A tracking store is many small files, and each costs a round trip. */
const AT_ONCE = 8;
/** Up to here a file is one request; above, blocks and the list of them. */
const BLOCK = 4 * 2 ** 20;

/**
 * Copies every declared output, `./outputs` and `./logs` to the site's run container, below `runs/<job>/`: what is not
 * released stays readable there after the VM has forgotten it. Links and pipes are left out. Copying again is harmless.
 */
export async function keepOutputs(
  edge: EdgeDependencies,
  request: { plan: TrainingPlan; grants: readonly SealedGrant[] },
): Promise<void> {
  const { job } = request.plan;
  const { runs } = await openGrant('site', request.grants, edge.machineKey);
  const container = openContainer(runs, breakableConnection(runs, edge, STACK_HUB_VERSION));
  const { runs: records, artifacts } = await trackingStore(edge.home, job);
  const folders = [
    ...declaredOutputs(request.plan).map((output) => ({
      folder: outputFolder(edge.home, job, output),
      target: siteRunPath(job, 'outputs', output),
    })),
    // On site they lie as MLflow's folder store has them; the records go last, so that no artifact stands in for one.
    { folder: artifacts, target: siteRunPath(job, 'mlruns') },
    { folder: records, target: siteRunPath(job, 'mlruns') },
    { folder: join(jobFolder(edge.home, job), 'work', 'logs'), target: siteRunPath(job, 'logs') },
  ];
  for (const { folder, target } of folders) {
    const { files } = await walk(folder);
    await pMap(files, (file) => keep(file, target, container), { concurrency: AT_ONCE });
  }
}

async function keep({ path, absolute, bytes }: OutputFile, target: string, container: BlobContainer): Promise<void> {
  const name = `${target}/${path}`;
  if (name.length > MAX_NAME) return;
  heartbeat({ keeping: target, bytes });
  const file = await openRegular(absolute);
  try {
    const blob = container.getBlockBlobClient(name);
    if (bytes <= BLOCK) await blob.uploadData(await file.readFile());
    else await blob.uploadStream(file.createReadStream({ autoClose: false }), BLOCK, 2);
  } catch (error) {
    throw toServiceError(error, `keeping a file of ${target} in the site’s run container`);
  } finally {
    await file.close();
  }
}
