import type { SandboxStartOutput } from '../output.ts';
import { printJson } from '../show/json.ts';
import type { SandboxInfo } from './sandbox-info.ts';
import type { StatePaths } from './state-paths.ts';

/** Where everything is, for people or programs. */
export function tellStarted(info: SandboxInfo, paths: StatePaths, json: boolean): void {
  if (json) {
    const { temporal, registry, docker } = info;
    const files = { site: paths.site, cloud: paths.cloud, client: paths.client, temporal: paths.temporal };
    printJson<SandboxStartOutput>({ ok: true, folder: paths.folder, files, temporal, registry, docker });
    return;
  }
  process.stdout.write(
    [
      'The sandbox is up.',
      `  Temporal UI    ${info.temporal.ui}`,
      `  Temporal       ${info.temporal.address}, namespace ${info.temporal.namespace}`,
      `  Registry       ${info.registry.loginServer}`,
      `  Stack Hub      ${info.stackHub.endpoint}`,
      `  Azure          ${info.azure.endpoint}`,
      `  Files          ${paths.folder}: site.yml, cloud.yml, client.yml, temporal.toml, keys/`,
      `  Worker's log   ${paths.worker.log}`,
      `  Uplink's log   ${info.uplink.accessLog}`,
      'Train with: edge-train run examples/breast-cancer/training.yml',
      '',
    ].join('\n'),
  );
}
