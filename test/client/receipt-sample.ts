import { canonicalArtifacts } from '../../domain/release.ts';
import { ReceiptPredicate } from '../../domain/statement.ts';
import { verdictOf } from '../../domain/verdict.ts';
import { sha256 } from '../../services/signing.ts';

/** The files of a model, and a receipt for them. */
export const FILES = { MLmodel: 'flavors: {}\n', 'data/weights.bin': 'weights' };
export function predicate(job = '0123456789abcdef0123'): ReceiptPredicate {
  const artifacts = Object.entries(FILES).map(([path, text]) => ({ path, bytes: text.length, sha256: sha256(text) }));
  return ReceiptPredicate.parse({
    job,
    site: 'demo',
    siteFile: sha256('site'),
    workflowId: `train-demo-heart-${job.slice(0, 12)}`,
    virtualMachine: { name: 'demo-ds3', bootId: 'boot', bundle: sha256('bundle') },
    data: { rootDigest: sha256('data'), files: 3, bytes: 99 },
    code: sha256('code'),
    environment: { digest: sha256('environment'), lock: sha256('lock') },
    training: { startedAt: '2026-11-25T01:00:00.000Z', endedAt: '2026-11-25T01:01:00.000Z', starts: 1 },
    released: {
      output: 'model',
      modelType: 'mlflow_model',
      artifacts,
      verdicts: artifacts.map(({ path }) => verdictOf(path, 'yaml', path === 'MLmodel' ? [] : ['pickle'])),
      digest: sha256(canonicalArtifacts(artifacts)),
      bytes: artifacts.reduce((sum, { bytes }) => sum + bytes, 0),
      destination: `https://release.example/staging/staging/${job}/`,
    },
    cage: {
      files: {
        '/etc/systemd/system/edge-train-job@.service': sha256('unit'),
        '/opt/edge-train/cage/enter.py': sha256('enter'),
      },
      tried: ['network interfaces', 'socket(AF_VSOCK)'],
    },
    uplink: {
      ...{ state: 'read', client: '10.20.0.4', from: '2026-11-25T01:00:00.000Z', until: '2026-11-25T01:02:00.000Z' },
      destinations: [{ to: 'release.example:443', connections: 2, refused: 0, sent: 1234, received: 567 }],
    },
    approval: { by: 'Dr. Sommer', reason: 'reviewed', digest: sha256('decision') },
    metrics: ['auc'],
    parameters: ['rate'],
    bits: { files: 152, fileNames: 184, metrics: 240, parameters: 100, all: 676 },
  });
}
