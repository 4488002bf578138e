import type { ArmCall } from '../server/arm.ts';
import { Failure } from '../server/errors.ts';
import { json, type Reply } from '../server/front.ts';
import { checkName, containerId, containerResource, inView, requireContainer, type AssetKind } from './assets.ts';
import { findChild, listChildren, page, put, remove, systemData, type Cloud, type WorkspaceResource } from './cloud.ts';

export interface VersionBody {
  properties: Record<string, unknown> & { tags?: Record<string, string>; properties?: Record<string, string> };
}

export function putVersion(cloud: Cloud, kind: AssetKind, call: ArmCall & { body: VersionBody }): Reply {
  const parent = containerId(cloud, kind, call.params);
  const { name, version } = call.params as { name: string; version: string };
  checkName(kind, name);
  if (!/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,29}$/.test(version))
    throw new Failure(
      400,
      'ValidationError',
      `Version '${version}' is invalid: 1 to 30 letters, digits, '.', '_' and '-'.`,
      { target: 'version' },
    );
  const container = findChild(cloud, parent);
  const id = `${container?.id ?? parent}/versions/${version}`;
  const existing = findChild(cloud, id);
  const { provisioningState: _, ...given } = call.body.properties;
  if (existing) checkUnchanged(kind, existing, given);
  else kind.check?.(cloud, given);
  const before = existing?.properties ?? {};
  const made: WorkspaceResource = {
    ...{
      id: existing?.id ?? id,
      name: version,
      type: `Microsoft.MachineLearningServices/workspaces/${kind.collection}/versions`,
    },
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
function checkUnchanged(
  kind: AssetKind,
  { properties: before }: WorkspaceResource,
  given: VersionBody['properties'],
): void {
  const changed = kind.fixed.find(
    (member) => given[member] !== undefined && JSON.stringify(given[member]) !== JSON.stringify(before[member]),
  );
  if (changed?.endsWith('Uri'))
    throw new Failure(400, 'UserError', 'Asset paths cannot be updated.', { target: changed });
  if (changed)
    throw new Failure(400, 'UserError', `${kind.noun} version is immutable: ${changed} cannot be updated.`, {
      target: changed,
    });
  const had = before.properties as Record<string, string>;
  const lost = Object.keys(had).find(
    (key) => given.properties?.[key] !== undefined && given.properties[key] !== had[key],
  );
  if (lost)
    throw new Failure(400, 'UserError', `Properties can be added to, not changed: '${lost}'.`, {
      target: 'properties',
    });
}

export function listVersions(cloud: Cloud, kind: AssetKind, call: ArmCall): Reply {
  const parent = requireContainer(cloud, kind, call.params);
  const { query } = call;
  const wanted = query.get('version');
  const found = inView(listChildren(cloud, `${parent.id}/versions`), query).filter(
    ({ name, properties }) =>
      (wanted === null || name === wanted) && hasTags(properties.tags as Record<string, string>, query.get('tags')),
  );
  const newestFirst = found.toSorted((one, other) =>
    other.systemData.createdAt.localeCompare(one.systemData.createdAt),
  );
  const order = query.get('$orderBy')?.toLowerCase() ?? 'createdtime desc';
  if (!['createdtime desc', 'createdtime asc', 'createdtime'].includes(order))
    throw new Failure(400, 'ValidationError', `The value '${order}' of $orderBy is not supported.`, {
      target: '$orderBy',
    });
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

export function deleteVersion(cloud: Cloud, kind: AssetKind, params: Record<string, string>): Reply {
  const id = `${containerId(cloud, kind, params)}/versions/${params.version}`;
  if (!findChild(cloud, id)) return { status: 204 };
  cloud.store.commit([remove(id)]);
  return { status: 200 };
}

export function requireVersion(cloud: Cloud, kind: AssetKind, params: Record<string, string>): WorkspaceResource {
  const found = findChild(cloud, `${containerId(cloud, kind, params)}/versions/${params.version}`);
  if (found) return found;
  throw new Failure(
    404,
    'UserError',
    `${kind.noun} asset with name: ${params.name} and version: ${params.version} not found.`,
    { target: 'version' },
  );
}
