import { z } from 'zod';
import { SIGNATURE_TYPE, STATEMENT_TYPE, type Envelope } from '../../domain/statement.ts';
import type { ImageReader } from '../container-registry/content.ts';
import { listReferrers, type Referrer } from '../container-registry/referrers.ts';
import { ServiceError } from '../errors.ts';
import { signingKeyId, verifyStatement } from '../signing.ts';
import { BUNDLE_MEDIA_TYPE, PREDICATE_ANNOTATION, readBundle, RECEIPT_MEDIA_TYPE } from './sigstore-bundle.ts';

/** A statement that one of the keys signed, on this very image. */
export interface SignedStatement {
  readonly type: string;
  readonly predicate: unknown;
  /** SHA-256 of the public key. */
  readonly keyId: string;
  /** Of the manifest that carries it. */
  readonly digest: string;
}

/** What is attached and proves nothing, and why. `type` is what it calls itself. */
export interface RefusedStatement {
  readonly type: string;
  readonly why: string;
}

export interface Attached {
  readonly statements: readonly SignedStatement[];
  readonly refused: readonly RefusedStatement[];
  /** Texts by their SHA-256; nothing of them is verified. */
  readonly receipts: ReadonlyMap<string, string>;
}

/** More is no statement of ours. */
const MOST = 16 * 2 ** 20;
/** Whoever may push may attach: so many are looked at, and no more. */
const MOST_ATTACHED = 200;

const Manifest = z.object({
  artifactType: z.string().optional(),
  subject: z.object({ digest: z.string() }),
  layers: z.array(z.object({ mediaType: z.string(), digest: z.string() })).length(1),
});
const Statement = z.object({
  _type: z.literal(STATEMENT_TYPE),
  subject: z.array(z.object({ digest: z.record(z.string(), z.string()) })),
  predicateType: z.string(),
  predicate: z.unknown(),
});

/** Everything that is attached to the image and of our kinds, each looked at by itself: one bad one hides no good one. */
export async function readAttached(reader: ImageReader, digest: string, keys: readonly string[]): Promise<Attached> {
  const statements: SignedStatement[] = [];
  const refused: RefusedStatement[] = [];
  const receipts = new Map<string, string>();
  const listed = (await listReferrers(reader, digest)).filter(({ artifactType = '' }) => isOurs(artifactType));
  for (const referrer of listed.slice(0, MOST_ATTACHED)) {
    const read = await readDocument(reader, digest, referrer);
    if ('why' in read) refused.push({ type: hinted(referrer), why: read.why });
    else if (referrer.artifactType === RECEIPT_MEDIA_TYPE) receipts.set(read.sha256, read.text);
    else {
      const opened = openBundle(read.text, digest, keys);
      if ('why' in opened) refused.push({ type: opened.type ?? hinted(referrer), why: opened.why });
      else statements.push({ ...opened, digest: referrer.digest });
    }
  }
  return { statements, refused, receipts };
}

/** Whether something is attached that calls itself a signature. Nothing is verified. */
export async function hasSignature(reader: ImageReader, digest: string): Promise<boolean> {
  return (await listReferrers(reader, digest)).some((each) => hinted(each) === SIGNATURE_TYPE);
}

const isOurs = (type: string): boolean => type === RECEIPT_MEDIA_TYPE || type === BUNDLE_MEDIA_TYPE;
const hinted = ({ annotations, artifactType }: Referrer): string =>
  annotations?.[PREDICATE_ANNOTATION] ?? artifactType ?? '';

async function readDocument(
  reader: ImageReader,
  subject: string,
  { digest }: Referrer,
): Promise<{ text: string; sha256: string } | { why: string }> {
  try {
    const stored = await reader.manifest(digest);
    if (!stored) return { why: 'it is listed, and is not there' };
    const manifest = Manifest.safeParse(JSON.parse(stored.content.toString('utf8')));
    const layer = manifest.data?.layers[0];
    if (!manifest.success || !layer) return { why: 'its manifest is none of an attached document' };
    if (manifest.data.subject.digest !== subject) return { why: 'it belongs to another image' };
    const content = await reader.content(layer.digest, MOST);
    return { text: content.toString('utf8'), sha256: layer.digest.replace(/^sha256:/, '') };
  } catch (error) {
    // What the registry holds may be anything; that it does not answer is another matter.
    if (error instanceof SyntaxError) return { why: 'its manifest is no JSON' };
    if (error instanceof ServiceError && ['ContentDiffers', 'ContentTooLarge'].includes(error.type))
      return { why: 'it was changed, or is too large' };
    throw error;
  }
}

function openBundle(
  text: string,
  digest: string,
  keys: readonly string[],
): Omit<SignedStatement, 'digest'> | { type?: string; why: string } {
  const envelope = readBundle(text);
  if (!envelope) return { why: 'it is no bundle with a statement' };
  const type = claimedType(envelope);
  const said = type === undefined ? {} : { type };
  const key = keys.find((each) => isSignedBy(envelope, each));
  if (key === undefined) return { ...said, why: 'it was changed, or another key signed it' };
  const statement = Statement.safeParse(verifyStatement(envelope, key));
  if (!statement.success) return { ...said, why: 'it is no in-toto statement, version 1' };
  const { subject, predicateType, predicate } = statement.data;
  if (subject.length !== 1 || subject[0]?.digest['sha256'] !== digest.replace(/^sha256:/, ''))
    return { ...said, why: 'it speaks of another image' };
  return { type: predicateType, predicate, keyId: signingKeyId(key) };
}

function isSignedBy(envelope: Envelope, key: string): boolean {
  try {
    verifyStatement(envelope, key);
    return true;
  } catch (error) {
    if (error instanceof ServiceError && error.type === 'SignatureInvalid') return false;
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

/** Read before anything is verified: it only tells people which statement it is that does not hold. */
function claimedType({ payload }: Envelope): string | undefined {
  try {
    const { predicateType } = JSON.parse(Buffer.from(payload, 'base64').toString('utf8')) as {
      predicateType?: unknown;
    };
    return typeof predicateType === 'string' ? predicateType : undefined;
  } catch {
    return undefined;
  }
}
