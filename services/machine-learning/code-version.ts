import type { Workspace } from './workspace.ts';

/**
 * Registers the job's code as a code asset, named by its digest, so that it stands in Azure ML beside the run; the same
 * code is one asset. `codeUri` is the archive that the VM fetched. Returns the version's resource id.
 */
export async function ensureCodeVersion(
  workspace: Workspace,
  { digest, codeUri }: { digest: string; codeUri: string },
): Promise<string> {
  const { client, group, name: workspaceName } = workspace;
  const name = `edge-train-${digest.slice(0, 32)}`;
  const there = await workspace.find(`reading the code asset ${name}`, () =>
    client.codeVersions.get(group, workspaceName, name, '1'),
  );
  if (there) return there.id ?? '';
  const made = await workspace.call(`registering the code asset ${name}`, () =>
    client.codeVersions.createOrUpdate(group, workspaceName, name, '1', {
      properties: {
        codeUri,
        description: 'Code of an edge-train run, as tar.gz.',
        properties: { hash_sha256: digest },
      },
    }),
  );
  return made.id ?? '';
}
