import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { Client, Connection } from '@temporalio/client';
import type { auditor } from '../auditor.ts';
import { until } from '../../support/until.ts';
import type { Product } from '../product.ts';
import { disguises } from './disguises.ts';
import type { Kind } from './exhibit.ts';

/** A leak that we made: what leaks, and where the search must find it. */
export interface Plant {
  readonly kind: Kind;
  readonly secret: string;
  readonly where: RegExp;
}

/** Leaks something of its own at every kind of place, each in another disguise; what needs an end gets it by `uproot`. */
export async function plant(
  product: Product,
  audit: ReturnType<typeof auditor>,
): Promise<{ plants: Plant[]; uproot(): void }> {
  const made = (kind: Kind, where: RegExp): Plant => ({
    ...{ kind, where, secret: `planted-${randomBytes(16).toString('hex')}` },
  });
  const history = made('history', /^planted planted-workflow, history$/);
  const log = made('log', /uplink-access\.log$/);
  const line = made('command line', /^process \d+, .*node$/);
  const sent = made('request', /^azure PUT \/planted \(\d+\), body$/);
  const blob = made('blob', /^release\w+\/edge-train-models\/planted$/);
  const layer = made('layer', /^docker\/registry\/v2\/blobs\/sha256\/\w\w\/\w{64}\/data$/);

  const process = startProcess(line.secret);
  await startWorkflow(product, disguised(history, 'gzip in base64').toString());
  await askUplink(product, disguised(log, 'hex').toString());
  await sendToAzure(product, disguised(sent, 'base64, 1 bytes in'));
  const content = disguised(blob, 'gzip');
  const container = audit.releaseBlobs().getContainerClient('edge-train-models');
  await container.getBlockBlobClient('planted').upload(content, content.length);
  await pushLayer(audit.registryUrl, disguised(layer, 'gzip in base64 in a file in a tar in gzip'));
  return { plants: [history, log, line, sent, blob, layer], uproot: () => process.kill('SIGKILL') };
}

function disguised({ secret }: Plant, form: string): Buffer {
  const bytes = disguises(secret).get(form);
  if (!bytes) throw new Error(`there is no disguise ${form}`);
  return bytes;
}

function startProcess(argument: string) {
  return spawn(process.execPath, ['-e', 'process.stdin.resume()', argument], { stdio: ['pipe', 'ignore', 'ignore'] });
}

/** Nobody listens on its queue: it has a history all the same. */
async function startWorkflow({ info }: Product, argument: string): Promise<void> {
  const connection = await Connection.connect({ address: info.temporal.address });
  try {
    const { workflow } = new Client({ connection, namespace: info.temporal.namespace });
    const workflowId = 'planted-workflow';
    const options = { workflowId, taskQueue: 'nobody', args: [argument] };
    await (await workflow.start('planted', options)).terminate('planted');
    const listed = async () => (await workflow.count(`WorkflowId = '${workflowId}'`)).count > 0;
    await until('the server lists the planted workflow', listed, 30);
  } finally {
    await connection.close();
  }
}

/** What is not on its list is refused, and logged. */
async function askUplink({ info }: Product, target: string): Promise<void> {
  const { hostname, port } = new URL(info.uplink.address);
  const socket = connect(Number(port), hostname);
  socket.write(`CONNECT ${target}:443 HTTP/1.1\r\nHost: ${target}:443\r\n\r\n`);
  socket.setEncoding('utf8');
  for await (const answer of socket) if (/^HTTP\/1\.1 403 /.test(String(answer))) return;
  throw new Error('the uplink did not refuse');
}

/** What is refused is recorded too. */
async function sendToAzure({ info }: Product, body: Buffer): Promise<void> {
  const headers = { 'content-type': 'text/plain', 'content-length': body.length };
  const ca = readFileSync(info.caFile);
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const asked = request(`${info.azure.endpoint}/planted`, { method: 'PUT', headers, ca }, (answer) => {
      text(answer).then(() => resolve(answer.statusCode), reject);
    });
    asked.on('error', reject).end(body);
  });
  if (status === undefined || status < 400) throw new Error(`Azure answered ${status}`);
}

async function pushLayer(registry: string, content: Buffer): Promise<void> {
  const begun = await fetch(`${registry}/v2/planted/blobs/uploads/`, { method: 'POST' });
  const place = new URL(begun.headers.get('location') ?? '', registry);
  place.searchParams.set('digest', `sha256:${createHash('sha256').update(content).digest('hex')}`);
  const put = await fetch(place, { method: 'PUT', body: new Uint8Array(content) });
  if (put.status !== 201) throw new Error(`the registry answered ${put.status}`);
}
