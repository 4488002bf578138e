import { billed, BilledModel } from '../../domain/bill-of-materials.ts';
import { dependency, Provenance } from '../../domain/provenance.ts';
import { canonicalArtifacts } from '../../domain/release.ts';
import {
  BILL_OF_MATERIALS_TYPE,
  Envelope,
  PROVENANCE_TYPE,
  RECEIPT_TYPE,
  ReceiptPredicate,
  receiptStatement,
  SIGNATURE_TYPE,
} from '../../domain/statement.ts';
import type { ImageReader } from '../container-registry/content.ts';
import { ServiceError } from '../errors.ts';
import { canonicalJson, sha256, verifyStatement } from '../signing.ts';
import { readAttached, type Attached, type SignedStatement } from './attached.ts';
import { imageNotTrusted, type Fault } from './image-refused.ts';
import { verifyModelLayer } from './model-layer.ts';

export interface VerifyRequest {
  readonly reader: ImageReader;
  /** REGISTRY/REPOSITORY, for what is told. */
  readonly name: string;
  /** A digest, or a tag: then the digest that it names is what is verified. */
  readonly reference: string;
  /** SPKI PEMs of whoever may sign images; more than one while a key is rotated. */
  readonly keys: readonly string[];
  /** SPKI PEMs of the sites' receipt keys. */
  readonly receiptKeys: readonly string[];
  /** What it must be an image of; absent: anything. Versions with the same content have the same image. */
  readonly expected?: { readonly site: string; readonly model: string; readonly version: number };
  /** Whether the model's files in the image are read and hashed; false where who unpacks it does (`verifyModelLayer`). */
  readonly readModel?: boolean;
}

export interface VerifiedImage {
  readonly digest: string;
  /** SHA-256 of the key that signed the image. */
  readonly keyId: string;
  readonly provenance: Provenance;
  readonly receipt: { readonly digest: string; readonly predicate: ReceiptPredicate };
  /** How many components its SBOM names. */
  readonly components: number;
  readonly modelRead: boolean;
}

/**
 * Whether an image is what its signer says, and holds exactly the model that a site released: a signature of cosign's type; a
 * provenance that names an attached receipt; that receipt, by the site's key; an SBOM with the receipt's files and data; the
 * files themselves. Each by one of the keys, each on this digest. An image may have several of each, of several runs with the
 * same result: one chain must hold from end to end.
 * @throws ServiceError `ImageAbsent` (input), `ContentDiffers`, `ImageUnsigned`, `ImageSignatureRefused`, `ProvenanceRefused`,
 * `BillOfMaterialsRefused`, `AttachedReceiptRefused`, `ImageModelDiffers` (policy)
 */
export async function verifyImage(request: VerifyRequest): Promise<VerifiedImage> {
  const { reader, reference, readModel = true } = request;
  const stored = await reader.manifest(reference);
  if (!stored)
    throw imageNotTrusted('ImageAbsent', `${request.name}:${reference}`, 'the registry has none of this name');
  const image = `${request.name}@${stored.digest}`;
  const refuse = (fault: Fault, why: string) => imageNotTrusted(fault, image, why);

  const attached = await readAttached(reader, stored.digest, request.keys);
  const signature = requireSignature(attached, refuse);
  const origins = requireSome(attached, PROVENANCE_TYPE, 'ProvenanceRefused', refuse);
  const bills = requireSome(attached, BILL_OF_MATERIALS_TYPE, 'BillOfMaterialsRefused', refuse);
  const chain = firstThatHolds(origins, (origin) => {
    const provenance = requireExpected(readProvenance(origin, refuse), request.expected, refuse);
    const receipt = receiptOf(provenance, attached, request.receiptKeys, refuse);
    const components = firstThatHolds(bills, (bill) => requireBill(bill, provenance, receipt.predicate, refuse));
    return { provenance, receipt, components };
  });
  if (readModel) await verifyModelLayer(reader, stored, chain.receipt.predicate.released.artifacts, image);
  return { digest: stored.digest, keyId: signature.keyId, ...chain, modelRead: readModel };
}

type Refuse = (fault: Fault, why: string) => ServiceError;

/** Any statement by the key would pass with cosign; here it must be the signature. */
function requireSignature({ statements, refused }: Attached, refuse: Refuse): SignedStatement {
  const found = statements.find(({ type }) => type === SIGNATURE_TYPE);
  if (found) return found;
  const spoilt = refused.find(({ type }) => type === SIGNATURE_TYPE);
  if (spoilt) throw refuse('ImageSignatureRefused', spoilt.why);
  const others = statements.length + refused.length;
  throw refuse('ImageUnsigned', others === 0 ? 'nothing is attached to it' : 'what is attached to it is no signature');
}

function requireSome(
  { statements, refused }: Attached,
  wanted: string,
  fault: Fault,
  refuse: Refuse,
): SignedStatement[] {
  const found = statements.filter(({ type }) => type === wanted);
  if (found.length > 0) return found;
  throw refuse(fault, refused.find(({ type }) => type === wanted)?.why ?? 'none is attached');
}

/** The reason of the first that does not hold is told, where none does. */
function firstThatHolds<T, R>(candidates: readonly T[], check: (candidate: T) => R): R {
  let first: unknown;
  for (const candidate of candidates) {
    try {
      return check(candidate);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      first ??= error;
    }
  }
  throw first;
}

function readProvenance({ predicate }: SignedStatement, refuse: Refuse): Provenance {
  const { data: provenance } = Provenance.safeParse(predicate);
  if (!provenance) throw refuse('ProvenanceRefused', 'it is not written as edge-train writes it');
  const missing = STATED.find((name) => dependency(provenance, name) === undefined);
  if (!missing) return provenance;
  throw refuse('ProvenanceRefused', `it names no ${missing}, or more than one`);
}

/** What each image is made from and no receipt knows; what one knows is compared with it. */
const STATED = ['job file', 'serving environment', 'base image'] as const;

function requireExpected(provenance: Provenance, expected: VerifyRequest['expected'], refuse: Refuse): Provenance {
  if (!expected) return provenance;
  const { site, model } = provenance.buildDefinition.externalParameters;
  const same = site === expected.site && model.name === expected.model && model.version === expected.version;
  if (same) return provenance;
  throw refuse(
    'ProvenanceRefused',
    `it is of ${model.name} version ${model.version} of ${site}, and ${expected.model} version ${expected.version} of ${expected.site} is wanted`,
  );
}

/** The attached receipt that this provenance names, when it holds, and is of the same job, data and model. */
function receiptOf(
  provenance: Provenance,
  { receipts, refused }: Attached,
  keys: readonly string[],
  refuse: Refuse,
): VerifiedImage['receipt'] {
  const digest = dependency(provenance, 'receipt');
  if (digest === undefined) throw refuse('ProvenanceRefused', 'it names no receipt, or more than one');
  const text = receipts.get(digest);
  if (text === undefined) {
    const others = receipts.size > 0 || refused.some(({ type }) => type.includes('receipt'));
    throw refuse(
      'AttachedReceiptRefused',
      others ? 'the attached one is not the one that the provenance names' : 'none is attached',
    );
  }
  const predicate = readReceipt(text, keys, refuse);
  const { site, job } = provenance.buildDefinition.externalParameters;
  const claims: [string, unknown, unknown][] = [
    ['job', job, predicate.job],
    ['site', site, predicate.site],
    ['model', dependency(provenance, 'model'), predicate.released.digest],
    ['data', dependency(provenance, 'data'), predicate.data.rootDigest],
    ['code', dependency(provenance, 'code'), predicate.code],
    ['training environment', dependency(provenance, 'training environment'), predicate.environment.lock],
  ];
  const wrong = claims.find(([, one, other]) => one !== other);
  if (wrong) throw refuse('ProvenanceRefused', `its ${wrong[0]} is not that of the receipt`);
  return { digest, predicate };
}

function readReceipt(text: string, keys: readonly string[], refuse: Refuse): ReceiptPredicate {
  const no = (why: string) => refuse('AttachedReceiptRefused', why);
  const statement = openReceipt(text, keys);
  if (statement === undefined) throw no('it was changed, or it is not by one of the sites’ keys');
  const { predicateType, predicate } = statement as { predicateType?: unknown; predicate?: unknown };
  if (predicateType !== RECEIPT_TYPE) throw no('it is a statement of another type');
  const parsed = ReceiptPredicate.safeParse(predicate);
  if (!parsed.success) throw no('it lacks something that every receipt states');
  if (canonicalJson(statement) !== canonicalJson(receiptStatement(parsed.data)))
    throw no('its subject is not what it says was released');
  const { digest, artifacts } = parsed.data.released;
  if (digest !== sha256(canonicalArtifacts(artifacts))) throw no('the release’s digest in it is not that of its files');
  return parsed.data;
}

/** The statement inside, when one of the keys signed it. */
function openReceipt(text: string, keys: readonly string[]): object | undefined {
  for (const key of keys) {
    try {
      const statement = verifyStatement(Envelope.parse(JSON.parse(text)), key);
      if (typeof statement === 'object' && statement !== null) return statement;
    } catch {
      // another key, or none: said by who asks
    }
  }
  return undefined;
}

/** How many components it names, when model, files and data are the receipt's. */
function requireBill(
  { predicate }: SignedStatement,
  provenance: Provenance,
  receipt: ReceiptPredicate,
  refuse: Refuse,
): number {
  const no = (why: string) => refuse('BillOfMaterialsRefused', why);
  const bill = BilledModel.safeParse(predicate);
  const said = bill.data && billed(bill.data);
  if (!bill.success || !said) throw no('it does not name one model with its files, and its data');
  const { model } = provenance.buildDefinition.externalParameters;
  if (said.name !== model.name || said.version !== String(model.version)) throw no('it is of another model or version');
  if (said.rootDigest !== receipt.data.rootDigest) throw no('its data is not that of the receipt');
  const { artifacts } = receipt.released;
  const same = said.files.size === artifacts.length && artifacts.every((it) => said.files.get(it.path) === it.sha256);
  if (!same) throw no('its model’s files are not those of the receipt');
  return bill.data.components.length;
}
