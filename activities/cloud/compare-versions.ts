import type { DescribedVersion } from '../../domain/model-catalog.ts';
import {
  differences,
  fileDifferences,
  sameImage,
  type CompareVersionsInput,
  type VersionComparison,
} from '../../domain/model-comparison.ts';
import { LATEST } from '../../domain/model-alias.ts';
import type { Artifact } from '../../domain/release.ts';
import { modelPath } from '../../domain/resource-names.ts';
import { Envelope, ReceiptPredicate } from '../../domain/statement.ts';
import { readText } from '../../services/blob-storage.ts';
import { readRun, type LoggedRun } from '../../services/logged-run.ts';
import { canonicalJson, sha256 } from '../../services/signing.ts';
import type { Cloud } from './cloud.ts';
import { showModel } from './show-model.ts';

type Side = CompareVersionsInput['one'];

interface Seen {
  readonly version: DescribedVersion;
  readonly run: LoggedRun | undefined;
  readonly files: readonly Artifact[] | undefined;
}

/**
 * What two versions differ in: tags and lineage in Azure ML, what their runs logged there, and the files by their receipts.
 * @throws ServiceError as `showModel` does, for either
 */
export async function compareVersions(
  cloud: Cloud,
  { site, one, other }: CompareVersionsInput,
): Promise<VersionComparison> {
  const [a, b] = [await see(cloud, site, one), await see(cloud, site, other)];
  const same = sameImage(a.version, b.version);
  return {
    site,
    one: { model: one.model, version: a.version.version },
    other: { model: other.model, version: b.version.version },
    lineage: differences(a.version.lineage, b.version.lineage),
    tags: differences(a.version.tags, b.version.tags),
    ...(a.run && b.run
      ? {
          metrics: differences(a.run.metrics, b.run.metrics),
          parameters: differences(a.run.parameters, b.run.parameters),
        }
      : {}),
    ...(a.files && b.files ? { files: fileDifferences(a.files, b.files) } : {}),
    ...(same === undefined ? {} : { sameImage: same }),
  };
}

async function see(cloud: Cloud, site: string, side: Side): Promise<Seen> {
  const wanted = side.version === undefined && side.alias === undefined ? { ...side, alias: LATEST } : side;
  const { version } = await showModel(cloud, { site, ...wanted });
  if (!version) throw new Error('a version was asked for'); // showModel returns the one that is asked for, or throws
  const { run, job, receipt } = version.lineage;
  return {
    version,
    run: run === undefined ? undefined : await readRun(await cloud.tracking(await cloud.workspace()), run),
    files: job === undefined || receipt === undefined ? undefined : await filesOf(cloud, side.model, job, receipt),
  };
}

/** Of the receipt that is beside the model, if it is the very one that was registered. A receipt passes through Temporal: 4 MiB. */
async function filesOf(
  cloud: Cloud,
  model: string,
  job: string,
  digest: string,
): Promise<readonly Artifact[] | undefined> {
  const models = (await cloud.release()).container(cloud.file.release.modelContainer);
  const text = await readText(models, `${modelPath(model, job)}.receipt.json`, 4 * 2 ** 20);
  try {
    const envelope = Envelope.parse(JSON.parse(text ?? ''));
    if (sha256(canonicalJson(envelope)) !== digest) return undefined;
    const { predicate } = JSON.parse(Buffer.from(envelope.payload, 'base64').toString('utf8')) as {
      predicate: unknown;
    };
    return ReceiptPredicate.parse(predicate).released.artifacts.map(({ path, sha256, bytes }) => ({
      path,
      sha256,
      bytes,
    }));
  } catch {
    return undefined;
  }
}
