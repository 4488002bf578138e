import type { ModelContainer, ModelVersion as AzureModelVersion } from '@azure/arm-machinelearning';
import type { ModelVersion } from '../../domain/model-version.ts';
import { ServiceError } from '../errors.ts';
import type { Workspace } from './workspace.ts';

export type { ModelContainer };

export interface ModelToRegister {
  readonly name: string;
  readonly site: string;
  readonly job: string;
  readonly type: ModelVersion['type'];
  readonly modelUri: string;
  readonly description: string;
  /** The MLflow run that made it. */
  readonly runId: string;
  /** Holds `job` and `site` too. */
  readonly tags: Readonly<Record<string, string>>;
  readonly flavors?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/**
 * The version of this job: found by its `job` tag, else made as the next one, then read back and compared. ARM has no
 * If-None-Match here, so a version that is there is never put: one caller at a time (the `model` workflow) and the reading
 * back are what makes it immutable. @throws ServiceError `ModelOfAnotherSite`, `ModelVersionDiffers`
 */
export async function registerModelVersion(workspace: Workspace, model: ModelToRegister): Promise<ModelVersion> {
  const container = await ensureContainer(workspace, model);
  const versions = await listVersions(workspace, model.name);
  const ours = versions.find((version) => version.properties.tags?.['job'] === model.job);
  const version = ours?.name ?? (await createNext(workspace, model, container, versions));
  const back = await readVersion(workspace, model.name, version);
  if (!back) throw differs(model, version, 'it is not there');
  return compared(model, back);
}

/** Whether the job has its version, archived or not. */
export async function hasModelVersion(workspace: Workspace, model: string, job: string): Promise<boolean> {
  if (!(await findModel(workspace, model))) return false;
  return (await listVersions(workspace, model)).some(({ properties }) => properties.tags?.['job'] === job);
}

/** A model name belongs to one site; a model that nobody has tagged yet becomes this site's. */
async function ensureContainer(workspace: Workspace, model: ModelToRegister): Promise<ModelContainer> {
  const there = await findModel(workspace, model.name);
  const owner = there?.properties.tags?.['site'];
  if (there && owner === model.site) return there;
  if (owner) throw anotherSite(model, owner);
  return putContainer(workspace, model.name, {
    ...there,
    properties: {
      ...there?.properties,
      description: there?.properties.description ?? `Trained on premises at the site ${model.site}.`,
      tags: { ...there?.properties.tags, site: model.site },
    },
  });
}

/** What is not said goes: only the caller knows what was there. */
function putContainer(workspace: Workspace, model: string, { properties }: ModelContainer): Promise<ModelContainer> {
  const { client, group, name } = workspace;
  const { description, properties: own, tags, isArchived } = properties;
  return workspace.call(`writing the model ${model}`, () =>
    client.modelContainers.createOrUpdate(group, name, model, {
      properties: {
        ...(description === undefined ? {} : { description }),
        ...(own ? { properties: own } : {}),
        ...(isArchived === undefined ? {} : { isArchived }),
        ...(tags ? { tags } : {}),
      },
    }),
  );
}

/** Writes these tags of a model, and leaves the others. One caller at a time: Azure ML has no If-Match here. */
export async function tagModel(
  workspace: Workspace,
  model: string,
  there: ModelContainer,
  tags: Readonly<Record<string, string>>,
): Promise<void> {
  const { properties } = there;
  await putContainer(workspace, model, { properties: { ...properties, tags: { ...properties.tags, ...tags } } });
}

/** What all versions of a model belong to. */
export function findModel(
  { client, group, name, find }: Workspace,
  model: string,
): Promise<ModelContainer | undefined> {
  return find(`reading the model ${model}`, () => client.modelContainers.get(group, name, model));
}

export async function listVersions(workspace: Workspace, model: string): Promise<AzureModelVersion[]> {
  const { client, group, name } = workspace;
  return workspace.call(`listing the versions of the model ${model}`, async () => {
    const found: AzureModelVersion[] = [];
    // Archived ones too: their numbers are taken, and an archived version is still this job's.
    for await (const version of client.modelVersions.list(group, name, model, { listViewType: 'All' }))
      found.push(version);
    return found;
  });
}

async function createNext(
  workspace: Workspace,
  model: ModelToRegister,
  container: ModelContainer,
  versions: readonly AzureModelVersion[],
): Promise<string> {
  const taken = versions.map(({ name }) => (/^\d{1,15}$/.test(name ?? '') ? Number(name) : 0));
  const next = Number(container.properties.nextVersion ?? 1) || 1;
  const version = String(Math.max(next, ...taken.map((number) => number + 1)));
  if (await readVersion(workspace, model.name, version)) throw differs(model, version, 'another made it meanwhile');
  await workspace.call(`registering ${model.name} version ${version}`, () =>
    workspace.client.modelVersions.createOrUpdate(workspace.group, workspace.name, model.name, version, {
      properties: {
        modelType: model.type,
        modelUri: model.modelUri,
        jobName: model.runId,
        description: model.description,
        tags: { ...model.tags },
        isAnonymous: false,
        ...(model.flavors
          ? { flavors: Object.fromEntries(Object.entries(model.flavors).map(([flavor, data]) => [flavor, { data }])) }
          : {}),
      },
    }),
  );
  return version;
}

/** Takes a version out of what is offered, or puts it back; all else of it stays as it is. */
export async function archiveModelVersion(
  workspace: Workspace,
  model: string,
  version: number,
  isArchived: boolean,
): Promise<void> {
  const { client, group, name } = workspace;
  await workspace.call(`${isArchived ? 'archiving' : 'restoring'} ${model} version ${version}`, async () => {
    const { properties } = await client.modelVersions.get(group, name, model, String(version));
    await client.modelVersions.createOrUpdate(group, name, model, String(version), {
      properties: { ...properties, isArchived },
    });
  });
}

function readVersion(workspace: Workspace, model: string, version: string): Promise<AzureModelVersion | undefined> {
  return workspace.find(`reading ${model} version ${version}`, () =>
    workspace.client.modelVersions.get(workspace.group, workspace.name, model, version),
  );
}

/** What stands there must be what was asked for; people may add tags of their own later, and change none of these. */
function compared(model: ModelToRegister, back: AzureModelVersion): ModelVersion {
  const { modelUri, modelType, tags = {} } = back.properties;
  const version = back.name ?? '';
  if (modelUri !== model.modelUri) throw differs(model, version, `its modelUri is ${modelUri}`);
  if (modelType !== model.type) throw differs(model, version, `its type is ${modelType}`);
  const other = ['job', 'site', 'receipt', 'release'].find((key) => tags[key] !== model.tags[key]);
  if (other !== undefined) throw differs(model, version, `its tag ${other} is ${tags[other] ?? 'absent'}`);
  return {
    name: model.name,
    version: Number(version),
    resourceId: back.id ?? '',
    modelUri: model.modelUri,
    type: model.type,
    tags: Object.fromEntries(Object.entries(tags).map(([key, value]) => [key, value ?? ''])),
  };
}

function anotherSite(model: ModelToRegister, owner: string): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'ModelOfAnotherSite',
    cause: `The model ${model.name} belongs to the site ${owner}, and this run trained at ${model.site}.`,
    nextStep: 'Choose another model name: a name belongs to one site, so that versions can be compared.',
    retryable: false,
  });
}

function differs(model: ModelToRegister, version: string, why: string): ServiceError {
  return new ServiceError({
    class: 'host',
    type: 'ModelVersionDiffers',
    cause: `${model.name} version ${version} in Azure ML is not what job ${model.job} registered: ${why}.`,
    nextStep: 'It is looked for again; if it stays so, see who else writes to this model in the workspace.',
    retryable: true,
  });
}
