/** The run's page in the Temporal UI. */
export function uiLink(ui: string | undefined, namespace: string, workflowId: string, runId?: string): { ui?: string } {
  if (ui === undefined) return {};
  const parts = ['namespaces', namespace, 'workflows', workflowId, ...(runId === undefined ? [] : [runId, 'history'])];
  return { ui: `${ui.replace(/\/+$/, '')}/${parts.map(encodeURIComponent).join('/')}` };
}
