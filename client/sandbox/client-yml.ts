import { codecYml } from './codec-yml.ts';
import type { DemoKeys } from './keys.ts';
import type { SandboxInfo } from './sandbox-info.ts';

const text = JSON.stringify;

export interface ClientYmlFacts {
  readonly info: SandboxInfo;
  readonly keys: Pick<DemoKeys, 'approvalFile' | 'codec'>;
  readonly sasFiles: { readonly code: string; readonly runs: string };
  readonly schema: string;
}

/** The user's file. */
export function clientYml({ info, keys, sasFiles, schema }: ClientYmlFacts): string {
  return `# yaml-language-server: $schema=${schema}
# The user's file: what \`edge-train run\` needs besides the job. It holds no key of the site or of Azure.

# Where a job's code is sent. The SAS (create, write, read; this container only) is on a stored access policy, so the
# operator can take it back at once.
code:
  container: ${text(`${info.release.blobEndpoint}/edge-train-code`)}
  sas: ${text(`file:${sasFiles.code}`)}
  caFile: ${text(info.caFile)}

temporalUi: ${text(info.temporal.ui)}

# Whom \`approve\` and \`reject\` sign as. The demo's site.yml asks for no approval; where one does, it knows this name and
# the public half of this key.
approval:
  name: demo
  key: ${text(`file:${keys.approvalFile}`)}

# How \`logs\` reads what scripts said: from the site's own storage, where it stays. The SAS may read and do nothing else.
sites:
  demo:
    runs:
      container: ${text(`${info.stackHub.blobEndpoint}/edge-train-runs`)}
      sas: ${text(`file:${sasFiles.runs}`)}
    caFile: ${text(info.caFile)}
${codecYml(keys)}${codecServerYml(info, keys)}`;
}

function codecServerYml({ temporal }: SandboxInfo, { codec }: ClientYmlFacts['keys']): string {
  if (!codec) return '';
  return `
# What \`edge-train codec serve\` needs, through which the Temporal UI shows payloads.
codecServer:
  origins: [${text(new URL(temporal.ui).origin)}]
  token: ${text(`file:${codec.tokenFile}`)}
`;
}

/** A client profile of Temporal's own; `temporal` (its CLI) takes it too, by TEMPORAL_CONFIG_FILE. */
export function temporalToml(info: SandboxInfo): string {
  return `# Where edge-train's commands find Temporal. TEMPORAL_* variables come first. A site with a namespace of its own has a
# profile of its own, named as the site.
[profile.default]
address = ${text(info.temporal.address)}
namespace = ${text(info.temporal.namespace)}
`;
}
