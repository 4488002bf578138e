import { signingKeyId, verifyStatement } from '../../services/signing.ts';
import { failed } from '../command-error.ts';
import { EXIT_CODE } from '../exit-code.ts';
import { readPublicKey } from '../files/read-public-key.ts';
import type { ReceiptOutput } from '../output.ts';
import { printJson } from '../show/json.ts';
import { compareArtifacts } from './compare-artifacts.ts';
import { receiptLines } from './lines.ts';
import { NoReceipt, readReceipt, type ReadReceipt, type WhereRunsAre } from './read.ts';

export interface VerifyOptions extends WhereRunsAre {
  readonly key: string;
  readonly artifacts?: string;
  readonly json?: boolean;
}

/**
 * `edge-train receipt verify FILE|RUN --key PEMFILE`: whether it is a receipt signed by this key, and whether the folder holds
 * exactly its files. @throws CommandError exit 1 where it does not hold, exit 2 for files that cannot be read
 */
export async function verifyReceiptFile(given: string, options: VerifyOptions): Promise<number> {
  const { key, artifacts, json } = options;
  const publicKey = await readPublicKey(key, '--key', 'Ask the site’s operator for receipt.pub.');
  const { digest, receipt } = await verified(given, options, publicKey);
  const faults = artifacts === undefined ? [] : await compareArtifacts(artifacts, receipt.released.artifacts);
  if (faults.length > 0) throw doesNotHold(`the folder is not what left the site: ${some(faults)}`);

  const compared = artifacts === undefined ? undefined : receipt.released.artifacts.length;
  if (json) printJson<ReceiptOutput>({ ok: true, verified: true, digest, receipt, compared });
  else process.stdout.write(`${[...receiptLines(digest, receipt), '', ...verdict(publicKey, compared)].join('\n')}\n`);
  return EXIT_CODE.done;
}

async function verified(given: string, where: WhereRunsAre, publicKey: string): Promise<ReadReceipt> {
  try {
    const read = await readReceipt(given, where);
    verifyStatement(read.envelope, publicKey);
    return read;
  } catch (error) {
    if (error instanceof NoReceipt) throw doesNotHold(error.message);
    throw error;
  }
}

const verdict = (publicKey: string, compared: number | undefined): string[] => [
  `Verified: signed by the key sha256:${signingKeyId(publicKey)}.`,
  compared === undefined
    ? 'No files were compared: --artifacts FOLDER does.'
    : `Verified: the folder holds exactly these files (${compared}).`,
];

const some = (faults: readonly string[]): string =>
  faults.length <= 5 ? faults.join('; ') : `${faults.slice(0, 5).join('; ')}; and ${faults.length - 5} more`;

const doesNotHold = (why: string) =>
  failed({
    class: 'policy',
    type: 'ReceiptRefused',
    cause: `The receipt does not hold: ${why}.`,
    nextStep:
      'Do not use what it speaks of. Fetch receipt and files again; if this comes back, ask the site’s operator.',
  });
