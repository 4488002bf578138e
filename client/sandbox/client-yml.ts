import type { SandboxInfo } from './sandbox-info.ts';

const text = JSON.stringify;

/** The user's file. */
export function clientYml(info: SandboxInfo, sasFile: string, schema: string): string {
  return `# yaml-language-server: $schema=${schema}
# The user's file: what \`edge-train run\` needs besides the job. It holds no key of the site or of Azure.

# Where a job's code is sent. The SAS (create, write, read; this container only) is on a stored access policy, so the
# operator can take it back at once.
code:
  container: ${text(`${info.release.blobEndpoint}/edge-train-code`)}
  sas: ${text(`file:${sasFile}`)}
  caFile: ${text(info.caFile)}

temporalUi: ${text(info.temporal.ui)}

sites:
  demo: {}
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
