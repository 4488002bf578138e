import type { ModelContainer } from './model-versions.ts';
import type { Workspace } from './workspace.ts';

/** The models of one site, by name; archived ones too, since their versions may serve. */
export async function listModelsOf(workspace: Workspace, site: string): Promise<(ModelContainer & { name: string })[]> {
  const { client, group, name: workspaceName } = workspace;
  return workspace.call('listing models', async () => {
    const found: (ModelContainer & { name: string })[] = [];
    for await (const model of client.modelContainers.list(group, workspaceName, { listViewType: 'All' }))
      if (model.properties.tags?.['site'] === site && model.name !== undefined)
        found.push({ ...model, name: model.name });
    return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  });
}
