import { existsSync } from 'node:fs';
import { canonicalArtifacts } from '../../domain/release.ts';
import { Envelope, RECEIPT_TYPE, ReceiptPredicate, receiptStatement } from '../../domain/statement.ts';
import { canonicalJson, sha256 } from '../../services/signing.ts';
import { findConfig } from '../config/find-config.ts';
import { readText } from '../files/read-text.ts';

/** A receipt passes through Temporal, which carries 2 MiB at most. */
const MEBIBYTES = 4;

/** Where to ask for a run. */
export interface WhereRunsAre {
  readonly site?: string;
  readonly config?: string;
}

export interface ReadReceipt {
  readonly digest: string;
  readonly envelope: Envelope;
  readonly receipt: ReceiptPredicate;
}

/**
 * A receipt's parts, when each is of the form that the site worker writes: one JSON value, plain base64, the statement's
 * type and schema, a subject and digests that agree with what it says was released. Nothing is said of the signature.
 * `given` is a file, or else a run. @throws NoReceipt with the reason; CommandError exit 2 for what cannot be read
 */
export async function readReceipt(given: string, options: WhereRunsAre): Promise<ReadReceipt> {
  const text = isRun(given) ? await ofRun(given, options) : await readText(given, MEBIBYTES);
  const envelope = Envelope.safeParse(json(text, 'the file is not one JSON value'));
  if (!envelope.success) throw new NoReceipt('it is no DSSE envelope of an in-toto statement');
  const payload = plainBase64(envelope.data.payload, 'payload').toString('utf8');
  for (const { sig } of envelope.data.signatures) plainBase64(sig, 'signature');
  const receipt = predicateOf(json(payload, 'its payload is not one JSON value'));
  if (payload !== canonicalJson(receiptStatement(receipt)))
    throw new NoReceipt('its statement is not written as a site writes it, or names other files than were released');
  const { artifacts, digest, bytes } = receipt.released;
  const sum = artifacts.reduce((total, artifact) => total + artifact.bytes, 0);
  if (digest !== sha256(canonicalArtifacts(artifacts)) || bytes !== sum)
    throw new NoReceipt('the digest or size of the release is not that of its files');
  return { digest: sha256(canonicalJson(envelope.data)), envelope: envelope.data, receipt };
}

const isRun = (given: string): boolean => !existsSync(given) && !/[/\\]|\.json$/.test(given);

/** Temporal's client is loaded only here: a file is read offline. */
async function ofRun(given: string, { site, config }: WhereRunsAre): Promise<string> {
  const { receiptOfRun } = await import('./of-run.ts');
  return receiptOfRun(given, findConfig(config), site);
}

/** Why a file is no receipt; holds nothing of the file's own text. */
export class NoReceipt extends Error {}

function predicateOf(statement: unknown): ReceiptPredicate {
  const { predicateType, predicate } = (statement ?? {}) as { predicateType?: unknown; predicate?: unknown };
  if (predicateType !== RECEIPT_TYPE) throw new NoReceipt('it is a statement of another type');
  const parsed = ReceiptPredicate.safeParse(predicate);
  if (!parsed.success) throw new NoReceipt('it lacks something that every receipt states, or says more');
  return parsed.data;
}

function json(text: string, why: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new NoReceipt(why);
  }
}

/** Other spellings of the same bytes would be other receipts with the same signature. */
function plainBase64(text: string, what: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw new NoReceipt(`its ${what} is not plain base64`);
  return bytes;
}
