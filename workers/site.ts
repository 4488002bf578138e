import path from 'node:path';
import { Worker, type NativeConnection } from '@temporalio/worker';
import { createSiteActivities } from '../activities/site/index.ts';
import { SITE_QUEUE } from '../domain/resource-names.ts';
import { createSecrets } from '../services/secrets.ts';
import { readSiteFile } from '../services/site-file.ts';
import type { WorkerConfig } from './config.ts';
import { dataConverterOf } from './data-converter.ts';
import { buildBundle } from './vm/bundle.ts';
import { installCommand } from './vm/install-command.ts';
import { installCredentialCommand } from './vm/install-credential-command.ts';
import { commonOptions } from './worker-options.ts';

/** The steps that hold Stack Hub, data keys and the receipt key. It runs no workflow and no user's code. */
export async function createSiteWorker(config: WorkerConfig, connection: NativeConnection): Promise<Worker> {
  const { siteFile, cache, environment, temporal } = config;
  const { site } = await readSiteFile(siteFile); // a mistake in it is told at the start, not by the first run
  const secrets = createSecrets({ environment });
  const dataConverter = await dataConverterOf(site.codec, secrets, temporal.namespace);
  const { digest, path: file } = await buildBundle({ outDir: path.join(cache, 'bundle') });
  const activities = createSiteActivities({
    siteFile,
    secrets,
    bundle: { digest, path: file, install: installCommand, installCredential: installCredentialCommand },
  });
  return Worker.create({
    ...commonOptions('site', connection, temporal.namespace, dataConverter),
    taskQueue: SITE_QUEUE,
    activities: { ...activities },
    maxConcurrentActivityTaskExecutions: 50,
  });
}
