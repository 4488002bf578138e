import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { canonicalEnvironment } from '../domain/environment.ts';
import type { PreparedEnvironment } from '../domain/completed-job.ts';
import { sha256 } from '../services/signing.ts';
import { startEdge, type Edge } from '../test/edge/edge.ts';
import { planFor } from '../test/edge/plan.ts';
import { until } from '../test/support/until.ts';
import { printFigures, row, spread, timed } from './table.ts';

const JOB = '7'.repeat(20);
const SOCKET = `/var/lib/edge-train/jobs/${JOB}/relay/mlflow.sock`;
const REQUIREMENTS = ['mlflow-skinny==3.17.2'];

/**
 * How long a job's MLflow server takes to answer from its start, and what `log_metric` costs by the relay in the cage
 * against the server's own socket, in turn, from one script. `npm run bench relay [PAIRS]`.
 */
async function main(pairs: number): Promise<void> {
  const edge = await startEdge({ packages: true });
  try {
    const plan = { ...planFor(JOB, await command(pairs), 600), environment: environment() };
    const prepared = await timed(() => edge.ask<PreparedEnvironment>('prepareEnvironment', { plan }));
    console.log(`both environments made: ${prepared.seconds.toFixed(1)} s`);
    const call = await edge.begin('runTrainingJob', {
      ...{ plan, environment: prepared.value, grants: [await edge.siteGrant()] },
    });
    const log = await until('what the script measured', async () => (await edge.log(JOB)).match(/^\{.*\}$/m)?.[0], 300);
    const { relayed, direct } = JSON.parse(log) as { relayed: number[]; direct: number[] };
    const starts: number[] = [];
    for (let start = 0; start < 5; start += 1) starts.push(await startServer(edge));
    console.log(`\n${'5 starts, seconds'.padEnd(24)}      min   median      max`);
    console.log(row('to the first answer', spread(starts)));
    const samples = relayed.map((value, index) => ({ relayed: value, direct: direct[index] ?? NaN }));
    printFigures(`${pairs} log_metric, ms`, samples, {
      'the server alone': ({ direct: value }) => value,
      'by the relay': ({ relayed: value }) => value,
      'the relay’s part': ({ relayed: value, direct: without }) => value - without,
    });
    await edge.ask('cleanJob', JOB);
    await call.result().catch(() => {});
  } finally {
    await edge.close();
  }
}

function environment() {
  const digest = sha256(canonicalEnvironment('3.11', REQUIREMENTS));
  return { name: 'mlflow', python: '3.11', requirements: REQUIREMENTS, digest };
}

/** It stays after it has measured, so that its server does. */
async function command(pairs: number): Promise<string> {
  const script = await readFile(join(import.meta.dirname, 'relay.py'), 'utf8');
  return `python - ${pairs} <<'END'\n${script}END\nsleep 600`;
}

async function startServer({ machine }: Edge): Promise<number> {
  const unit = `edge-train-tracking@${JOB}.service`;
  await machine.sh(`systemctl stop ${unit}; systemctl reset-failed ${unit} 2>/dev/null || true`);
  const program = [
    'import socket, sys, time',
    'begun = time.monotonic()',
    's = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])',
    's.sendall(b"GET /health HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n"); s.recv(100)',
    'print(time.monotonic() - begun)',
  ].join('\n');
  const { stdout } = await machine.exec(['python3', '-c', program, SOCKET]);
  return Number(stdout);
}

await main(Number(process.argv[2] ?? 300));
