import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Connection } from '@temporalio/client';
import { SEARCH_ATTRIBUTE } from '../../domain/search-attributes.ts';
import { until } from './until.ts';

const CLI = path.join(import.meta.dirname, '../../.tools/temporal');

export interface TemporalServer {
  readonly address: string;
  readonly namespace: string;
  stop(): Promise<void>;
}

/**
 * A real Temporal server of the test's own, in a temporary folder, ready to be connected to; it knows `searchAttributes`.
 * One that ends before it answers is started again: start-dev takes ports some time after it found them free, and goes on
 * after what its server calls fatal until it panics. The sandbox starts its own again, too.
 */
export async function startTemporal(
  searchAttributes: readonly string[] = Object.values(SEARCH_ATTRIBUTE),
): Promise<TemporalServer> {
  for (let tries = 3; ; tries -= 1) {
    try {
      return await startOnce(searchAttributes);
    } catch (error) {
      if (!(error instanceof EndedAtOnce) || tries === 1) throw error;
    }
  }
}

class EndedAtOnce extends Error {}

async function startOnce(searchAttributes: readonly string[]): Promise<TemporalServer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'edge-train-temporal-'));
  const port = await freePort();
  const server = spawn(CLI, [
    ...['server', 'start-dev', '--headless', '--ip', '127.0.0.1', '--port', String(port), '--log-level', 'error'],
    ...['--db-filename', path.join(folder, 'temporal.db'), '--sqlite-pragma', 'journal_mode=WAL'],
    ...['--dynamic-config-value', 'history.transferProcessorMaxPollRPS=2000'],
    ...['--dynamic-config-value', 'history.timerProcessorMaxPollRPS=2000'],
    ...['--dynamic-config-value', 'history.visibilityProcessorMaxPollRPS=2000'],
    ...searchAttributes.flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
  ]);
  server.stdout.resume();
  let complaints = ''; // its beginning: a panic is said first, and its stack after it
  server.stderr.on('data', (chunk: Buffer) => (complaints = (complaints + chunk.toString()).slice(0, 2000)));
  const address = `127.0.0.1:${port}`;
  const stop = async () => {
    await ended(server);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await answering(address, server, () => complaints);
  } catch (error) {
    await stop();
    throw error;
  }
  return { address, namespace: 'default', stop };
}

async function answering(address: string, server: ChildProcess, complaints: () => string): Promise<void> {
  await until(
    'the Temporal server answers',
    async () => {
      if (server.exitCode !== null) throw new EndedAtOnce(`the Temporal server ended at once: ${complaints()}`);
      return describesNamespace(address).catch(() => false);
    },
    30,
  );
}

async function describesNamespace(address: string): Promise<boolean> {
  const connection = await Connection.connect({ address, connectTimeout: 1000 });
  try {
    await connection.workflowService.describeNamespace({ namespace: 'default' });
    return true;
  } finally {
    await connection.close();
  }
}

async function ended(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exit = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGKILL');
  await exit;
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
