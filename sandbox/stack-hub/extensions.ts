import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import type { z } from 'zod';
import type { ExtensionScript } from '../machines/contract.ts';
import { withBody, type ArmCall, type ArmRoute } from '../server/arm.ts';
import { Failure, notImplemented } from '../server/errors.ts';
import { json, type Reply } from '../server/front.ts';
import { asyncOperationHeaders, type Operation } from '../server/operations.ts';
import type { Change } from '../server/store.ts';
import { customScript } from './compute-bodies.ts';
import {
  findResource,
  inState,
  notFound,
  parentNotFound,
  put,
  remove,
  requireGroup,
  requireLocation,
  shown,
  typePath,
  type Hub,
  type ResourceRecord,
} from './hub.ts';
import {
  computePlace,
  computeVersions as versions,
  extensionView,
  extensionsOf,
  machineOf,
  machinePath,
  machineType,
  requireMachineIdle,
  status,
} from './virtual-machine.ts';

const extensionType = `${machineType}/extensions`;

/** The custom-script extension for Linux, 2.1. Its protected settings are kept only until the script has run. */
export function extensionRoutes(hub: Hub): ArmRoute[] {
  const path = `${machinePath}/extensions/{name}`;
  hub.operations.define('extension.put', {
    run: (operation) => runScript(hub, operation),
    fail: ({ target }, failure) => ended(hub, target, 'Failed', failure.message),
  });
  hub.operations.define('extension.same', { run: async ({ target }) => state(hub, target, 'Succeeded') });
  hub.operations.define('extension.delete', { run: async ({ target }) => [remove(target)] });
  return [
    { method: 'PUT', path, versions, ...withBody(customScript, 'compute', (call) => putExtension(hub, call)) },
    { method: 'GET', path, versions, query: ['$expand'], handle: (call) => getExtension(hub, call) },
    { method: 'DELETE', path, versions, handle: (call) => deleteExtension(hub, call) },
    {
      method: 'GET',
      path: `${machinePath}/extensions`,
      versions,
      handle: (call) => json(200, { value: extensionsOf(hub, requireVm(hub, call.params)).map(shown) }),
    },
  ];
}

async function putExtension(hub: Hub, call: ArmCall & { body: z.infer<typeof customScript> }): Promise<Reply> {
  const vm = requireVm(hub, call.params, true);
  const name = call.params.name!;
  const { protectedSettings: _secret, provisioningState: _, ...properties } = call.body.properties;
  const location = requireLocation(hub, call.body.location, extensionType);
  const script = checkedScript(call.body.properties);
  const id = `${vm.id}/extensions/${name}`;
  requireMachineIdle(hub, vm.id);
  requireMachineIdle(hub, id);
  await requireRunning(hub, vm);
  const existing = findResource(hub, id);
  const other = extensionsOf(hub, vm).find((each) => each.id.toLowerCase() !== id.toLowerCase());
  if (other)
    throw new Failure(
      409,
      'OperationNotAllowed',
      `Multiple VMExtensions per handler not supported for OS type 'Linux'. VMExtension '${name}' with handler '${properties.publisher}.${properties.type}' already added or specified in input.`,
    );
  const fingerprint = digest([script, properties.settings, properties.forceUpdateTag]);
  const same = existing?.hidden?.fingerprint === fingerprint && existing.properties.provisioningState === 'Succeeded';
  const record: ResourceRecord = {
    ...{ id: existing?.id ?? id, name: `${vm.name}/${name}`, type: extensionType, location, etag: '' },
    ...(call.body.tags ? { tags: call.body.tags } : {}),
    properties: {
      autoUpgradeMinorVersion: false,
      ...properties,
      provisioningState: existing ? 'Updating' : 'Creating',
    },
    hidden: { fingerprint, ...(same ? { statuses: existing.hidden!.statuses } : {}) },
  };
  const operation = hub.operations.accept(
    {
      kind: same ? 'extension.same' : 'extension.put',
      front: 'stack-hub',
      target: id.toLowerCase(),
      method: call.method,
      path: call.path,
      input: { vm: vm.id, name, script },
    },
    [put(record)],
  );
  return json(existing ? 200 : 201, shown(record), asyncOperationHeaders(operation, computePlace(hub), 201));
}

/** Where the extension's own rules are checked: Azure finds the same faults later, on the VM. @throws Failure */
function checkedScript({
  publisher,
  type,
  typeHandlerVersion,
  settings = {},
  protectedSettings = {},
}: z.infer<typeof customScript>['properties']): ExtensionScript {
  if (publisher.toLowerCase() !== 'microsoft.azure.extensions' || type.toLowerCase() !== 'customscript') {
    throw new Failure(
      404,
      'ArtifactNotFound',
      `The VM extension with publisher '${publisher}' and type '${type}' could not be found.`,
    );
  }
  if (!/^2\.[01]$/.test(typeHandlerVersion)) throw notImplemented(`CustomScript ${typeHandlerVersion}; 2.1 is`);
  if (settings.commandToExecute !== undefined && protectedSettings.commandToExecute !== undefined)
    throw scriptFailure(
      "'commandToExecute' was specified both in public and protected settings; it must be specified only once",
    );
  if (settings.fileUris !== undefined && protectedSettings.fileUris !== undefined)
    throw scriptFailure(
      "'fileUris' was specified both in public and protected settings; it must be specified only once",
    );
  if (
    protectedSettings.script !== undefined &&
    (settings.commandToExecute ?? protectedSettings.commandToExecute) !== undefined
  )
    throw scriptFailure("'commandToExecute' and 'script' were both specified; only one of them may be");
  const commandToExecute =
    settings.commandToExecute ?? protectedSettings.commandToExecute ?? decodedScript(protectedSettings.script);
  if (commandToExecute === undefined) throw scriptFailure("'commandToExecute' is not specified");
  return { fileUris: settings.fileUris ?? protectedSettings.fileUris ?? [], commandToExecute };
}

/** `script` is the text of a script in base64, which may be gzip'ed; it runs from a file, as the machine runs commands here. */
function decodedScript(script: string | undefined): string | undefined {
  if (script === undefined) return undefined;
  const bytes = Buffer.from(script, 'base64');
  return (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('utf8');
}

function scriptFailure(problem: string): Failure {
  return new Failure(400, 'InvalidParameter', `The extension's settings are invalid: ${problem}.`, {
    target: 'settings',
  });
}

async function requireRunning(hub: Hub, vm: ResourceRecord): Promise<void> {
  const { power } = await hub.machines.describe(machineOf(vm));
  if (power !== 'running')
    throw new Failure(409, 'OperationNotAllowed', 'Cannot modify extensions in the VM when the VM is not running.');
}

async function runScript(hub: Hub, { target, input }: Operation): Promise<Change[]> {
  const { vm, name, script } = input as { vm: string; name: string; script: ExtensionScript };
  const machine = findResource(hub, vm);
  if (!machine) throw new Failure(409, 'OperationPreempted', `The operation was preempted: the VM ${vm} is gone.`);
  const { exitCode, stdout, stderr } = await hub.machines.runExtension(machineOf(machine), script);
  const streams = `\n[stdout]\n${stdout.slice(-4096)}\n[stderr]\n${stderr.slice(-4096)}`;
  if (exitCode === 0) return ended(hub, target, 'Succeeded', `Enable succeeded: ${streams}`);
  throw new Failure(
    409,
    'VMExtensionProvisioningError',
    `VM has reported a failure when processing extension '${name}'. Error message: "Enable failed: failed to execute command: command terminated with exit status=${exitCode}${streams}"`,
  );
}

function ended(hub: Hub, target: string, provisioningState: 'Succeeded' | 'Failed', message: string): Change[] {
  const record = findResource(hub, target);
  if (!record) return [];
  const level = provisioningState === 'Failed' ? 'Error' : 'Info';
  const statuses = [
    status(
      `ProvisioningState/${provisioningState.toLowerCase()}`,
      `Provisioning ${provisioningState.toLowerCase()}`,
      message,
      level,
    ),
  ];
  return [put({ ...inState(record, provisioningState), hidden: { ...record.hidden, statuses } })];
}

function state(hub: Hub, target: string, provisioningState: string): Change[] {
  const record = findResource(hub, target);
  return record ? [put(inState(record, provisioningState))] : [];
}

function getExtension(hub: Hub, { params, query }: ArmCall): Reply {
  const vm = requireVm(hub, params);
  const record = findResource(hub, `${vm.id}/extensions/${params.name}`);
  if (!record) throw notFound(extensionType, `${vm.name}/${params.name}`, params.group!);
  const expanded = query.get('$expand')?.toLowerCase() === 'instanceview';
  return json(
    200,
    expanded
      ? { ...shown(record), properties: { ...record.properties, instanceView: extensionView(record) } }
      : shown(record),
  );
}

function deleteExtension(hub: Hub, call: ArmCall): Reply {
  const vm = requireVm(hub, call.params);
  const record = findResource(hub, `${vm.id}/extensions/${call.params.name}`);
  if (!record) return { status: 204 };
  requireMachineIdle(hub, record.id);
  const operation = hub.operations.accept(
    {
      kind: 'extension.delete',
      front: 'stack-hub',
      target: record.id.toLowerCase(),
      method: call.method,
      path: call.path,
      input: null,
    },
    [put(inState(record, 'Deleting'))],
  );
  return { status: 202, headers: asyncOperationHeaders(operation, computePlace(hub), 202) };
}

function requireVm(hub: Hub, { group, vm, name }: Record<string, string>, write = false): ResourceRecord {
  const id = `${requireGroup(hub, group!, write)}/providers/${typePath(machineType, vm!)}`;
  const found = findResource(hub, id);
  if (!found) throw parentNotFound(id, `${id}/extensions/${name ?? ''}`);
  return found;
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
