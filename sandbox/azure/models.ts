import { z } from 'zod';
import { Failure } from '../server/errors.ts';
import type { AssetKind } from './assets.ts';
import { findChild, workspaceId, type Cloud } from './cloud.ts';

/** Models. */
export const models: AssetKind = {
  collection: 'models',
  noun: 'Model',
  members: {
    modelUri: z.string().regex(/^(https|azureml|runs):\/?\/?\S+$/, 'modelUri must be an https, azureml or runs URI'),
    modelType: z.enum(['custom_model', 'mlflow_model', 'triton_model']).optional(),
    jobName: z.string().optional(),
    flavors: z.record(z.string(), z.strictObject({ data: z.record(z.string(), z.string()).optional() })).optional(),
  },
  fixed: ['modelUri', 'modelType', 'jobName', 'flavors', 'isAnonymous'],
  check: checkDatastore,
};

/** A path in a datastore needs that datastore. @throws Failure 400 UserError */
function checkDatastore(cloud: Cloud, { modelUri }: Record<string, unknown>): void {
  const name = /^azureml:\/\/.*\bdatastores\/([^/]+)\//i.exec(String(modelUri))?.[1];
  if (name === undefined || findChild(cloud, `${workspaceId(cloud)}/datastores/${name}`)) return;
  throw new Failure(400, 'UserError', `No datastore found with name: ${name}`, { target: 'modelUri' });
}
