import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { send, token, type Answer } from './fixture.ts';
import {
  assertRefused,
  base,
  bearer,
  compute,
  hub,
  location,
  network,
  sandbox,
  startHub,
  stopHub,
} from './hub-client.ts';

before(startHub);
after(stopHub);

describe('ARM', () => {
  const cases: [string, string, string, unknown, number, string][] = [
    ['no api-version', 'GET', '/resourcegroups', undefined, 400, 'MissingApiVersionParameter'],
    [
      'an unknown api-version of ARM',
      'GET',
      '/resourcegroups?api-version=2030-01-01',
      undefined,
      400,
      'InvalidApiVersionParameter',
    ],
    [
      'an unknown api-version of a provider',
      'GET',
      `${compute}/virtualMachines?api-version=2024-07-01`,
      undefined,
      400,
      'NoRegisteredProviderFound',
    ],
    ['an unknown route', 'GET', `${compute}/availabilitySets?api-version=2020-06-01`, undefined, 501, 'NotImplemented'],
    ['an unknown method', 'PATCH', '/resourcegroups/strict?api-version=2019-10-01', {}, 501, 'NotImplemented'],
    [
      'an unknown query parameter',
      'GET',
      '/resourcegroups?api-version=2019-10-01&$filter=x',
      undefined,
      501,
      'NotImplemented',
    ],
    [
      'an unknown group',
      'GET',
      '/resourceGroups/none/providers/Microsoft.Compute/virtualMachines/v?api-version=2020-06-01',
      undefined,
      404,
      'ResourceGroupNotFound',
    ],
    [
      'an unknown resource',
      'GET',
      `${compute}/virtualMachines/none?api-version=2020-06-01`,
      undefined,
      404,
      'ResourceNotFound',
    ],
    [
      'a child of an unknown resource',
      'GET',
      `${compute}/virtualMachines/none/extensions/e?api-version=2020-06-01`,
      undefined,
      404,
      'ParentResourceNotFound',
    ],
    [
      'an unknown member',
      'PUT',
      '/resourcegroups/x?api-version=2019-10-01',
      { location, colour: 'red' },
      400,
      'InvalidRequestContent',
    ],
    ['a wrong type', 'PUT', '/resourcegroups/x?api-version=2019-10-01', { location: 7 }, 400, 'InvalidRequestContent'],
    ['a missing member', 'PUT', '/resourcegroups/x?api-version=2019-10-01', {}, 400, 'InvalidRequestContent'],
    ['broken JSON', 'PUT', '/resourcegroups/x?api-version=2019-10-01', '{', 400, 'InvalidRequestContent'],
    [
      'an unknown location',
      'PUT',
      '/resourcegroups/x?api-version=2019-10-01',
      { location: 'mars' },
      400,
      'LocationNotAvailableForResourceGroup',
    ],
    ['a bad group name', 'PUT', '/resourcegroups/x.?api-version=2019-10-01', { location }, 400, 'InvalidResourceGroup'],
    [
      'an unknown member of a rule',
      'PUT',
      `${network}/networkSecurityGroups/n?api-version=2018-11-01`,
      { location, properties: { securityRules: [{ name: 'r', properties: { port: 1 } }] } },
      400,
      'InvalidRequestFormat',
    ],
    [
      'a subnet outside its network',
      'PUT',
      `${network}/virtualNetworks/vnet/subnets/far?api-version=2018-11-01`,
      { properties: { addressPrefix: '10.9.0.0/24' } },
      400,
      'NetcfgInvalidSubnet',
    ],
    [
      'a subnet on another',
      'PUT',
      `${network}/virtualNetworks/vnet/subnets/same?api-version=2018-11-01`,
      { properties: { addressPrefix: '10.0.0.128/25' } },
      400,
      'NetcfgSubnetRangesOverlap',
    ],
  ];
  for (const [what, method, path, body, status, code] of cases) {
    it(`refuses ${what}: ${status} ${code}`, async () => assertRefused(await hub(method, path, body), status, code));
  }

  it('knows another subscription from a malformed one', async () => {
    const get = (id: string) =>
      send(sandbox.ca, 'GET', `${sandbox.stackHub}/subscriptions/${id}/resourcegroups?api-version=2019-10-01`, {
        headers: { authorization: `Bearer ${bearer}` },
      });
    assertRefused(await get('00000000-0000-0000-0000-000000000001'), 404, 'SubscriptionNotFound');
    assertRefused(await get('mine'), 400, 'InvalidSubscriptionId');
  });

  it('checks who asks, for what, and until when', async () => {
    const get = async (value: string) =>
      (await send(sandbox.ca, 'GET', `${base}/resourcegroups?api-version=2019-10-01`, {
        headers: value ? { authorization: value } : {},
      })) as Answer;
    assertRefused(await get(''), 401, 'AuthenticationFailed');
    assertRefused(await get('Bearer a.b.c'), 401, 'InvalidAuthenticationToken');
    assertRefused(await get(`Bearer ${await token(sandbox, 'azure')}`), 401, 'InvalidAuthenticationToken');
    const url = `${sandbox.azure}/subscriptions/${sandbox.config.azure.subscription}/providers/Microsoft.MachineLearningServices/workspaces?api-version=2022-10-01`;
    const registry = await token(sandbox, 'azure', 'https://containerregistry.azure.net');
    assertRefused(
      await send(sandbox.ca, 'GET', url, { headers: { authorization: `Bearer ${registry}` } }),
      401,
      'InvalidAuthenticationTokenAudience',
    );
    await assert.rejects(token(sandbox, 'stackHub', 'https://elsewhere'), /invalid_resource/);
    await assert.rejects(token(sandbox, 'azure', 'https://elsewhere'), /AADSTS500011/);
  });

  it('echoes the client’s request id beside its own', async () => {
    const { headers } = await send(sandbox.ca, 'GET', `${base}/resourcegroups?api-version=2019-10-01`, {
      headers: { authorization: `Bearer ${bearer}`, 'x-ms-client-request-id': 'mine' },
    });
    assert.equal(headers['x-ms-client-request-id'], 'mine');
    assert.match(String(headers['x-ms-request-id']), /^[0-9a-f-]{36}$/);
    assert.ok(headers['x-ms-ratelimit-remaining-subscription-reads']);
  });
});
