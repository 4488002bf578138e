import type { z } from 'zod';
import { withBody, type ArmCall, type ArmRoute } from '../server/arm.ts';
import { json, type Reply } from '../server/front.ts';
import { asyncOperationHeaders } from '../server/operations.ts';
import {
  findResource,
  inState,
  notFound,
  parentNotFound,
  put,
  requireGroup,
  typePath,
  type Hub,
  type ResourceRecord,
} from './hub.ts';
import { checkName, networkPlace, networkVersions as versions, requireIdle } from './network.ts';
import { securityRule } from './network-bodies.ts';
import { checkRules, keptRule } from './network-rules.ts';
import type { NamedRule } from './security-rules.ts';

const groupType = 'Microsoft.Network/networkSecurityGroups';
const collectionPath = `/subscriptions/{subscriptionId}/resourceGroups/{group}/providers/${groupType}/{nsg}/securityRules`;

/** Single rules of a security group, kept inside it. */
export function securityRuleRoutes(hub: Hub): ArmRoute[] {
  const path = `${collectionPath}/{name}`;
  return [
    { method: 'PUT', path, versions, ...withBody(securityRule, 'network', (call) => putRule(hub, call)) },
    { method: 'GET', path, versions, handle: (call) => getRule(hub, call.params) },
    { method: 'DELETE', path, versions, handle: (call) => deleteRule(hub, call) },
    {
      method: 'GET',
      path: collectionPath,
      versions,
      handle: ({ params }) => json(200, { value: rulesOf(requireNsg(hub, params)) }),
    },
  ];
}

export function rulesOf(nsg: ResourceRecord): NamedRule[] {
  return nsg.properties.securityRules as NamedRule[];
}

function putRule(hub: Hub, call: ArmCall & { body: z.infer<typeof securityRule> }): Reply {
  const nsg = requireNsg(hub, call.params, true);
  const name = call.params.name!;
  checkName(`${groupType}/securityRules`, name);
  requireIdle(hub, nsg.id);
  const made = keptRule(nsg.id, name, call.body.properties);
  const others = rulesOf(nsg).filter((each) => each.name.toLowerCase() !== name.toLowerCase());
  checkRules([...others, made]);
  const existed = others.length < rulesOf(nsg).length;
  const operation = accept(hub, call, { ...nsg, properties: { ...nsg.properties, securityRules: [...others, made] } });
  return json(existed ? 200 : 201, made, asyncOperationHeaders(operation, networkPlace(hub), 201));
}

function getRule(hub: Hub, params: Record<string, string>): Reply {
  const found = rulesOf(requireNsg(hub, params)).find(({ name }) => name.toLowerCase() === params.name!.toLowerCase());
  if (!found) throw notFound(`${groupType}/securityRules`, `${params.nsg}/${params.name}`, params.group!);
  return json(200, found);
}

function deleteRule(hub: Hub, call: ArmCall): Reply {
  const nsg = requireNsg(hub, call.params);
  const left = rulesOf(nsg).filter(({ name }) => name.toLowerCase() !== call.params.name!.toLowerCase());
  if (left.length === rulesOf(nsg).length) return { status: 204 };
  requireIdle(hub, nsg.id);
  const operation = accept(hub, call, { ...nsg, properties: { ...nsg.properties, securityRules: left } });
  return { status: 202, headers: asyncOperationHeaders(operation, networkPlace(hub), 202) };
}

function accept(hub: Hub, { method, path }: ArmCall, nsg: ResourceRecord) {
  const request = { kind: 'network.put', front: 'stack-hub', target: nsg.id.toLowerCase(), method, path, input: null };
  return hub.operations.accept(request, [put(inState(nsg, 'Updating'))]);
}

function requireNsg(hub: Hub, { group, nsg, name }: Record<string, string>, write = false): ResourceRecord {
  const id = `${requireGroup(hub, group!, write)}/providers/${typePath(groupType, nsg!)}`;
  const found = findResource(hub, id);
  if (!found) throw parentNotFound(id, `${id}/securityRules/${name ?? ''}`);
  return found;
}
