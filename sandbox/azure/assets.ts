import { z } from 'zod';
import { withBody, type ArmCall, type ArmRoute } from '../server/arm.ts';
import { Failure } from '../server/errors.ts';
import { deleteVersion, listVersions, putVersion, requireVersion, type VersionBody } from './asset-versions.ts';
import { json, type Reply } from '../server/front.ts';
import {
  findChild,
  listChildren,
  page,
  put,
  remove,
  requireWorkspace,
  systemData,
  workspacePath,
  workspaceVersions as versions,
  type Cloud,
  type WorkspaceResource,
} from './cloud.ts';

/** A kind of versioned asset. */
export interface AssetKind {
  collection: 'codes' | 'environments' | 'models';
  /** For messages: Model, Code. */
  noun: string;
  /** Members of a version beside those that every asset has. */
  members: z.ZodRawShape;
  /** Those that no later PUT may change. */
  fixed: string[];
  check?(cloud: Cloud, properties: Record<string, unknown>): void;
}

const echo = {
  id: z.string().optional(),
  name: z.string().optional(),
  type: z.string().optional(),
  systemData: z.unknown().optional(),
};
const pairs = z.record(z.string(), z.string());
const described = {
  description: z.string().nullable().optional(),
  properties: pairs.optional(),
  tags: pairs.optional(),
  isArchived: z.boolean().optional(),
};
const container = z.strictObject({
  ...echo,
  properties: z.strictObject({
    ...described,
    latestVersion: z.string().nullable().optional(),
    nextVersion: z.string().nullable().optional(),
    provisioningState: z.string().optional(),
  }),
});

const listQuery = ['$skip', '$top', '$orderBy', 'listViewType'];

/** Containers and their versions: synchronous PUTs; what a version is made of never changes. */
export function assetRoutes(cloud: Cloud, kind: AssetKind): ArmRoute[] {
  const containers = `${workspacePath}/${kind.collection}`;
  const path = `${containers}/{name}`;
  const version = z.strictObject({
    ...echo,
    properties: z.strictObject({
      ...described,
      isAnonymous: z.boolean().optional(),
      provisioningState: z.string().optional(),
      ...kind.members,
    }),
  });
  return [
    {
      method: 'PUT',
      path,
      versions,
      ...withBody(container, 'machine-learning', (call) => putContainer(cloud, kind, call)),
    },
    {
      method: 'GET',
      path,
      versions,
      handle: ({ params }) => json(200, shownContainer(cloud, requireContainer(cloud, kind, params))),
    },
    { method: 'DELETE', path, versions, handle: (call) => deleteContainer(cloud, kind, call.params) },
    {
      method: 'GET',
      path: containers,
      versions,
      query: ['$skip', 'count', 'listViewType'],
      handle: (call) => listContainers(cloud, kind, call),
    },
    {
      method: 'PUT',
      path: `${path}/versions/{version}`,
      versions,
      ...withBody(version, 'machine-learning', (call) =>
        putVersion(cloud, kind, call as ArmCall & { body: VersionBody }),
      ),
    },
    {
      method: 'GET',
      path: `${path}/versions/{version}`,
      versions,
      handle: ({ params }) => json(200, requireVersion(cloud, kind, params)),
    },
    {
      method: 'DELETE',
      path: `${path}/versions/{version}`,
      versions,
      handle: ({ params }) => deleteVersion(cloud, kind, params),
    },
    {
      method: 'GET',
      path: `${path}/versions`,
      versions,
      query: [...listQuery, 'version', 'tags'],
      handle: (call) => listVersions(cloud, kind, call),
    },
  ];
}

function putContainer(cloud: Cloud, kind: AssetKind, call: ArmCall & { body: z.infer<typeof container> }): Reply {
  const id = containerId(cloud, kind, call.params);
  checkName(kind, call.params.name!);
  const existing = findChild(cloud, id);
  const { latestVersion: _, nextVersion: __, provisioningState: ___, ...given } = call.body.properties;
  const made = containerResource(cloud, kind, existing?.id ?? id, given, existing);
  cloud.store.commit([put(made)]);
  return json(existing ? 200 : 201, shownContainer(cloud, made));
}

export function containerResource(
  cloud: Cloud,
  kind: AssetKind,
  id: string,
  given: Record<string, unknown>,
  existing?: WorkspaceResource,
): WorkspaceResource {
  return {
    ...{ id, name: id.split('/').at(-1)!, type: `Microsoft.MachineLearningServices/workspaces/${kind.collection}` },
    properties: {
      description: null,
      tags: {},
      properties: {},
      isArchived: false,
      ...given,
      provisioningState: 'Succeeded',
    },
    systemData: systemData(cloud, existing),
  };
}

/** `nextVersion` is one more than the highest whole-number version; `latestVersion` the last one made. */
function shownContainer(cloud: Cloud, made: WorkspaceResource): WorkspaceResource {
  const all = listChildren(cloud, `${made.id}/versions`);
  const numbers = all.map(({ name }) => (/^\d+$/.test(name) ? Number(name) : 0));
  const latest = all
    .toSorted((one, other) => one.systemData.createdAt.localeCompare(other.systemData.createdAt))
    .at(-1);
  return {
    ...made,
    properties: {
      ...made.properties,
      latestVersion: latest?.name ?? null,
      nextVersion: String(Math.max(0, ...numbers) + 1),
    },
  };
}

function listContainers(cloud: Cloud, kind: AssetKind, call: ArmCall): Reply {
  const all = listChildren(cloud, `${requireWorkspace(cloud, call.params)}/${kind.collection}`);
  return json(
    200,
    page(
      cloud,
      call,
      inView(all, call.query).map((each) => shownContainer(cloud, each)),
    ),
  );
}

export function inView(all: WorkspaceResource[], query: URLSearchParams): WorkspaceResource[] {
  const view = query.get('listViewType') ?? 'ActiveOnly';
  if (!['ActiveOnly', 'ArchivedOnly', 'All'].includes(view))
    throw new Failure(
      400,
      'ValidationError',
      `The value '${view}' of listViewType is not one of ActiveOnly, ArchivedOnly, All.`,
      { target: 'listViewType' },
    );
  return all.filter(
    ({ properties }) => view === 'All' || (properties.isArchived === true) === (view === 'ArchivedOnly'),
  );
}

function deleteContainer(cloud: Cloud, kind: AssetKind, params: Record<string, string>): Reply {
  const found = findChild(cloud, containerId(cloud, kind, params));
  if (!found) return { status: 204 };
  cloud.store.commit([...listChildren(cloud, `${found.id}/versions`).map(({ id }) => remove(id)), remove(found.id)]);
  return { status: 200 };
}

export function requireContainer(cloud: Cloud, kind: AssetKind, params: Record<string, string>): WorkspaceResource {
  const found = findChild(cloud, containerId(cloud, kind, params));
  if (found) return found;
  throw new Failure(404, 'UserError', `${kind.noun} container with name: ${params.name} not found.`, {
    target: 'name',
  });
}

export function containerId(cloud: Cloud, kind: AssetKind, params: Record<string, string>): string {
  return `${requireWorkspace(cloud, params)}/${kind.collection}/${params.name}`;
}

export function checkName(kind: AssetKind, name: string): void {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_-]{0,254}$/.test(name)) return;
  throw new Failure(
    400,
    'ValidationError',
    `${kind.noun} name '${name}' is invalid: 1 to 255 letters, digits, '_' and '-', from a letter or digit on.`,
    { target: 'name' },
  );
}
