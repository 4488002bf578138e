import { CLOUD_QUEUE } from '../../domain/resource-names.ts';
import { WORKFLOW_TYPE } from '../../domain/signals.ts';

/** The run's page in the Temporal UI. */
export function uiLink(ui: string | undefined, namespace: string, workflowId: string, runId?: string): { ui?: string } {
  if (ui === undefined) return {};
  const parts = ['namespaces', namespace, 'workflows', workflowId, ...(runId === undefined ? [] : [runId, 'history'])];
  return { ui: `${ui.replace(/\/+$/, '')}/${parts.map(encodeURIComponent).join('/')}` };
}

/** The form that starts a run there: queue, type and id are filled in, the input is to be pasted. */
export function startLink(ui: string, namespace: string, workflowId: string): string {
  const filled = new URLSearchParams({ taskQueue: CLOUD_QUEUE, workflowType: WORKFLOW_TYPE.trainModel, workflowId });
  return `${ui.replace(/\/+$/, '')}/namespaces/${encodeURIComponent(namespace)}/workflows/start-workflow?${filled}`;
}
