import { z } from 'zod';
import { withBody, type ArmCall, type ArmRoute } from '../server/arm.ts';
import { Failure } from '../server/errors.ts';
import { json, type Reply } from '../server/front.ts';
import { findChild, listChildren, page, put, remove, requireWorkspace, systemData, workspacePath, workspaceVersions as versions, type Cloud, type WorkspaceResource } from './cloud.ts';

/** A kind of versioned asset: codes or models. */
export interface AssetKind {
  collection: 'codes' | 'models';
  /** For messages: Model, Code. */
  noun: string;
  /** Members of a version beside those that every asset has. */
  members: z.ZodRawShape;
  /** Those that no later PUT may change. */
  fixed: string[];
  check?(cloud: Cloud, properties: Record<string, unknown>): void;
}

const echo = { id: z.string().optional(), name: z.string().optional(), type: z.string().optional(), systemData: z.unknown().optional() };
const pairs = z.record(z.string(), z.string());
const described = { description: z.string().nullable().optional(), properties: pairs.optional(), tags: pairs.optional(), isArchived: z.boolean().optional() };
const container = z.strictObject({
  ...echo,
  properties: z.strictObject({ ...described, latestVersion: z.string().nullable().optional(), nextVersion: z.string().nullable().optional(), provisioningState: z.string().optional() }),
});

const listQuery = ['$skip', '$top', '$orderBy', 'listViewType'];

/** Containers and their versions: synchronous PUTs; what a version is made of never changes. */
export function assetRoutes(cloud: Cloud, kind: AssetKind): ArmRoute[] {
  const containers = `${workspacePath}/${kind.collection}`;
  const path = `${containers}/{name}`;
  const version = z.strictObject({
    ...echo,
    properties: z.strictObject({ ...described, isAnonymous: z.boolean().optional(), provisioningState: z.string().optional(), ...kind.members }),
  });
  return [
    { method: 'PUT', path, versions, ...withBody(container, 'machine-learning', (call) => putContainer(cloud, kind, call)) },
    { method: 'GET', path, versions, handle: ({ params }) => json(200, shownContainer(cloud, requireContainer(cloud, kind, params))) },
    { method: 'DELETE', path, versions, handle: (call) => deleteContainer(cloud, kind, call.params) },
    { method: 'GET', path: containers, versions, query: ['$skip', 'count', 'listViewType'], handle: (call) => listContainers(cloud, kind, call) },
    { method: 'PUT', path: `${path}/versions/{version}`, versions, ...withBody(version, 'machine-learning', (call) => putVersion(cloud, kind, call as ArmCall & { body: VersionBody })) },
    { method: 'GET', path: `${path}/versions/{version}`, versions, handle: ({ params }) => json(200, requireVersion(cloud, kind, params)) },
    { method: 'DELETE', path: `${path}/versions/{version}`, versions, handle: ({ params }) => deleteVersion(cloud, kind, params) },
    { method: 'GET', path: `${path}/versions`, versions, query: [...listQuery, 'version', 'tags'], handle: (call) => listVersions(cloud, kind, call) },
  ];
}

interface VersionBody {
  properties: Record<string, unknown> & { tags?: Record<string, string>; properties?: Record<string, string> };
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

function putVersion(cloud: Cloud, kind: AssetKind, call: ArmCall & { body: VersionBody }): Reply {
  const parent = containerId(cloud, kind, call.params);
  const { name, version } = call.params as { name: string; version: string };
  checkName(kind, name);
  if (!/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,29}$/.test(version)) throw new Failure(400, 'ValidationError', `Version '${version}' is invalid: 1 to 30 letters, digits, '.', '_' and '-'.`, { target: 'version' });
  const container = findChild(cloud, parent);
  const id = `${container?.id ?? parent}/versions/${version}`;
  const existing = findChild(cloud, id);
  const { provisioningState: _, ...given } = call.body.properties;
  if (existing) checkUnchanged(kind, existing, given);
  else kind.check?.(cloud, given);
  const before = existing?.properties ?? {};
  const made: WorkspaceResource = {
    ...{ id: existing?.id ?? id, name: version, type: `Microsoft.MachineLearningServices/workspaces/${kind.collection}/versions` },
    properties: {
      ...{ description: null, tags: {}, isArchived: false, isAnonymous: false, provisioningState: 'Succeeded' },
      ...given,
      ...Object.fromEntries(kind.fixed.filter((member) => member in before).map((member) => [member, before[member]])),
      properties: { ...(before.properties as object | undefined), ...given.properties },
    },
    systemData: systemData(cloud, existing),
  };
  cloud.store.commit([...(container ? [] : [put(containerResource(cloud, kind, parent, {}))]), put(made)]);
  return json(existing ? 200 : 201, made);
}

/** @throws Failure 400 UserError, in the words that Azure ML's own CLI looks for when it is a path */
function checkUnchanged(kind: AssetKind, { properties: before }: WorkspaceResource, given: VersionBody['properties']): void {
  const changed = kind.fixed.find((member) => given[member] !== undefined && JSON.stringify(given[member]) !== JSON.stringify(before[member]));
  if (changed?.endsWith('Uri')) throw new Failure(400, 'UserError', 'Asset paths cannot be updated.', { target: changed });
  if (changed) throw new Failure(400, 'UserError', `${kind.noun} version is immutable: ${changed} cannot be updated.`, { target: changed });
  const had = before.properties as Record<string, string>;
  const lost = Object.keys(had).find((key) => given.properties?.[key] !== undefined && given.properties[key] !== had[key]);
  if (lost) throw new Failure(400, 'UserError', `Properties can be added to, not changed: '${lost}'.`, { target: 'properties' });
}

function containerResource(cloud: Cloud, kind: AssetKind, id: string, given: Record<string, unknown>, existing?: WorkspaceResource): WorkspaceResource {
  return {
    ...{ id, name: id.split('/').at(-1)!, type: `Microsoft.MachineLearningServices/workspaces/${kind.collection}` },
    properties: { description: null, tags: {}, properties: {}, isArchived: false, ...given, provisioningState: 'Succeeded' },
    systemData: systemData(cloud, existing),
  };
}

/** `nextVersion` is one more than the highest whole-number version; `latestVersion` the last one made. */
function shownContainer(cloud: Cloud, made: WorkspaceResource): WorkspaceResource {
  const all = listChildren(cloud, `${made.id}/versions`);
  const numbers = all.map(({ name }) => (/^\d+$/.test(name) ? Number(name) : 0));
  const latest = all.toSorted((one, other) => one.systemData.createdAt.localeCompare(other.systemData.createdAt)).at(-1);
  return { ...made, properties: { ...made.properties, latestVersion: latest?.name ?? null, nextVersion: String(Math.max(0, ...numbers) + 1) } };
}

function listContainers(cloud: Cloud, kind: AssetKind, call: ArmCall): Reply {
  const all = listChildren(cloud, `${requireWorkspace(cloud, call.params)}/${kind.collection}`);
  return json(200, page(cloud, call, inView(all, call.query).map((each) => shownContainer(cloud, each))));
}

function listVersions(cloud: Cloud, kind: AssetKind, call: ArmCall): Reply {
  const parent = requireContainer(cloud, kind, call.params);
  const { query } = call;
  const wanted = query.get('version');
  const found = inView(listChildren(cloud, `${parent.id}/versions`), query).filter(
    ({ name, properties }) => (wanted === null || name === wanted) && hasTags(properties.tags as Record<string, string>, query.get('tags')),
  );
  const newestFirst = found.toSorted((one, other) => other.systemData.createdAt.localeCompare(one.systemData.createdAt));
  const order = query.get('$orderBy')?.toLowerCase() ?? 'createdtime desc';
  if (!['createdtime desc', 'createdtime asc', 'createdtime'].includes(order)) throw new Failure(400, 'ValidationError', `The value '${order}' of $orderBy is not supported.`, { target: '$orderBy' });
  return json(200, page(cloud, call, order.endsWith('desc') ? newestFirst : newestFirst.toReversed()));
}

/** `tags=key1,key2=value2`: all must be there. */
function hasTags(tags: Record<string, string>, wanted: string | null): boolean {
  const conditions = wanted === null || wanted === '' ? [] : wanted.split(',');
  return conditions.every((each) => {
    const cut = each.indexOf('=');
    return cut < 0 ? each in tags : tags[each.slice(0, cut)] === each.slice(cut + 1);
  });
}

function inView(all: WorkspaceResource[], query: URLSearchParams): WorkspaceResource[] {
  const view = query.get('listViewType') ?? 'ActiveOnly';
  if (!['ActiveOnly', 'ArchivedOnly', 'All'].includes(view)) throw new Failure(400, 'ValidationError', `The value '${view}' of listViewType is not one of ActiveOnly, ArchivedOnly, All.`, { target: 'listViewType' });
  return all.filter(({ properties }) => view === 'All' || (properties.isArchived === true) === (view === 'ArchivedOnly'));
}

function deleteContainer(cloud: Cloud, kind: AssetKind, params: Record<string, string>): Reply {
  const found = findChild(cloud, containerId(cloud, kind, params));
  if (!found) return { status: 204 };
  cloud.store.commit([...listChildren(cloud, `${found.id}/versions`).map(({ id }) => remove(id)), remove(found.id)]);
  return { status: 200 };
}

function deleteVersion(cloud: Cloud, kind: AssetKind, params: Record<string, string>): Reply {
  const id = `${containerId(cloud, kind, params)}/versions/${params.version}`;
  if (!findChild(cloud, id)) return { status: 204 };
  cloud.store.commit([remove(id)]);
  return { status: 200 };
}

function requireContainer(cloud: Cloud, kind: AssetKind, params: Record<string, string>): WorkspaceResource {
  const found = findChild(cloud, containerId(cloud, kind, params));
  if (found) return found;
  throw new Failure(404, 'UserError', `${kind.noun} container with name: ${params.name} not found.`, { target: 'name' });
}

function requireVersion(cloud: Cloud, kind: AssetKind, params: Record<string, string>): WorkspaceResource {
  const found = findChild(cloud, `${containerId(cloud, kind, params)}/versions/${params.version}`);
  if (found) return found;
  throw new Failure(404, 'UserError', `${kind.noun} asset with name: ${params.name} and version: ${params.version} not found.`, { target: 'version' });
}

function containerId(cloud: Cloud, kind: AssetKind, params: Record<string, string>): string {
  return `${requireWorkspace(cloud, params)}/${kind.collection}/${params.name}`;
}

function checkName(kind: AssetKind, name: string): void {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_-]{0,254}$/.test(name)) return;
  throw new Failure(400, 'ValidationError', `${kind.noun} name '${name}' is invalid: 1 to 255 letters, digits, '_' and '-', from a letter or digit on.`, { target: 'name' });
}
