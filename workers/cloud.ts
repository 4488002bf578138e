import path from 'node:path';
import { Client } from '@temporalio/client';
import { Worker, type NativeConnection } from '@temporalio/worker';
import { createCloudActivities } from '../activities/cloud/index.ts';
import { CLOUD_QUEUE } from '../domain/resource-names.ts';
import { readCloudFile } from '../services/cloud-file.ts';
import { createSecrets } from '../services/secrets.ts';
import { dataConverterOf } from './data-converter.ts';
import { packageToolEnvironment } from './package-tool-environment.ts';
import type { WorkerConfig } from './config.ts';
import { frontOf, showsCredential } from './server-check.ts';
import { commonOptions } from './worker-options.ts';
import { bundleWorkflows } from './workflow-bundle.ts';

const UV = path.join(import.meta.dirname, '../.tools/uv');

/** The workflows, and the steps that hold Azure ML, the release account and the registry. */
export async function createCloudWorker(config: WorkerConfig, connection: NativeConnection): Promise<Worker> {
  const { cloudFile, cache, environment, temporal } = config;
  const { ca, file } = await readCloudFile(cloudFile); // a mistake in it is told at the start, not by the first run
  const secrets = createSecrets({ environment });
  const dataConverter = await dataConverterOf(file.codec, secrets, temporal.namespace);
  const activities = createCloudActivities({
    cloudFile,
    secrets,
    uv: {
      path: UV,
      cacheDir: path.join(cache, 'uv'),
      environment: await packageToolEnvironment(environment, cache, ca),
    },
    front: { ...frontOf(temporal), showsCredential: showsCredential(temporal) },
    workflows: new Client({ connection, namespace: temporal.namespace, ...(dataConverter ? { dataConverter } : {}) })
      .workflow,
  });
  return Worker.create({
    ...commonOptions('cloud', connection, temporal.namespace, dataConverter),
    taskQueue: CLOUD_QUEUE,
    workflowBundle: await bundleWorkflows({ encrypted: dataConverter !== undefined }),
    activities: { ...activities },
    // A killed worker's workflows go on with another one after this, instead of 10 s.
    stickyQueueScheduleToStartTimeout: '3 seconds',
    workflowThreadPoolSize: 1,
    maxCachedWorkflows: 500,
    maxConcurrentActivityTaskExecutions: 50,
  });
}
