import { z } from 'zod';
import { Envelope } from '../../domain/statement.ts';
import type { Attachment } from '../container-registry/attach.ts';
import { canonicalJson } from '../signing.ts';

/** Sigstore's bundle (https://docs.sigstore.dev/about/bundle): what cosign 3 attaches to an image, and looks for. */
export const BUNDLE_MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
/** cosign's annotations on the manifest: what is in the bundle can be seen without fetching it. */
export const PREDICATE_ANNOTATION = 'dev.sigstore.bundle.predicateType';

/** The site's receipt, as it is: signed by the site, over the files that left it. */
export const RECEIPT_MEDIA_TYPE = 'application/vnd.edge-train.receipt.v1+json';

/** Another version's fields are passed over; the certificate of a keyless signature is none of ours. */
const Bundle = z.object({
  mediaType: z.string().regex(/^application\/vnd\.dev\.sigstore\.bundle(\.v0\.\d+\+json|\+json;version=0\.\d+)$/),
  dsseEnvelope: z.object({
    payloadType: z.string(),
    payload: z.string(),
    signatures: z.array(z.object({ sig: z.string(), keyid: z.string().optional() })).min(1),
  }),
});

/**
 * A bundle's text, for a signature by a key: without certificate and without an entry in a public log. A signature states no
 * `keyid`: cosign passes one by that is not its own kind of name for the key.
 */
export function bundleText({ payload, payloadType, signatures }: Envelope): string {
  return canonicalJson({
    mediaType: BUNDLE_MEDIA_TYPE,
    verificationMaterial: { publicKey: { hint: signatures[0]?.keyid ?? '' }, tlogEntries: [] },
    dsseEnvelope: { payload, payloadType, signatures: signatures.map(({ sig }) => ({ sig })) },
  });
}

/** The envelope in a bundle; undefined for what is none. */
export function readBundle(text: string): Envelope | undefined {
  try {
    const { payload, payloadType, signatures } = Bundle.parse(JSON.parse(text)).dsseEnvelope;
    const signed = signatures.map(({ sig, keyid = '' }) => ({ sig, keyid }));
    return Envelope.parse({ payload, payloadType, signatures: signed });
  } catch {
    return undefined;
  }
}

export function bundleAttachment(text: string, predicateType: string): Attachment {
  return {
    artifactType: BUNDLE_MEDIA_TYPE,
    layer: { mediaType: BUNDLE_MEDIA_TYPE, content: Buffer.from(text) },
    annotations: { 'dev.sigstore.bundle.content': 'dsse-envelope', [PREDICATE_ANNOTATION]: predicateType },
  };
}

export function receiptAttachment(envelope: Envelope): Attachment {
  return {
    artifactType: RECEIPT_MEDIA_TYPE,
    layer: { mediaType: RECEIPT_MEDIA_TYPE, content: Buffer.from(canonicalJson(envelope)) },
  };
}
