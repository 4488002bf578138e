import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateSigningKey, publicKeyOf } from '../../services/signing.ts';
import { generateSshKey } from './ssh-key.ts';
import type { StatePaths } from './state-paths.ts';
import { writePrivate } from './write-private.ts';

/** The keys that an operator would make: files (0600), made once. */
export interface DemoKeys {
  /** PKCS#8 PEM of the P-256 key that signs receipts. */
  readonly receiptFile: string;
  /** SPKI PEM. */
  readonly receiptPublicKey: string;
  /** PKCS#8 PEM of the P-256 key that the demo's user signs decisions with. */
  readonly approvalFile: string;
  /** PKCS#8 PEM of the P-256 key that signs images; its public half is beside it, in `image.pub`. */
  readonly imageFile: string;
  /** SPKI PEM. */
  readonly imagePublicKey: string;
  /** OpenSSH private key of the powerless account that Azure ML logs in to. */
  readonly attachFile: string;
  /** `ssh-ed25519 …`. */
  readonly attachPublicKey: string;
  /** Where what is in Temporal is encrypted: the key, and what signs in at the codec server. */
  readonly codec?: { readonly keyFile: string; readonly tokenFile: string };
}

/** @param codec begins to encrypt; a sandbox that does so goes on until its reset, since its histories need the key */
export function ensureKeys({ keys }: StatePaths, codec = false): DemoKeys {
  mkdirSync(keys, { recursive: true, mode: 0o700 });
  const [receiptFile, approvalFile] = [join(keys, 'receipt.pem'), join(keys, 'approval.pem')];
  const imageFile = join(keys, 'image.pem');
  for (const file of [receiptFile, approvalFile, imageFile])
    if (!existsSync(file)) writePrivate(file, generateSigningKey().privateKey);
  // For whoever checks: cosign, and `edge-train image verify`.
  for (const file of [receiptFile, imageFile])
    writePrivate(file.replace(/pem$/, 'pub'), publicKeyOf(readFileSync(file, 'utf8')));

  const attachFile = join(keys, 'attach');
  if (!existsSync(attachFile) || !existsSync(`${attachFile}.pub`)) {
    const { privateKey, publicKey } = generateSshKey('azureml');
    writePrivate(`${attachFile}.pub`, `${publicKey}\n`);
    writePrivate(attachFile, privateKey); // last: what is there is whole
  }
  return {
    receiptFile,
    receiptPublicKey: publicKeyOf(readFileSync(receiptFile, 'utf8')),
    ...{ approvalFile, imageFile },
    imagePublicKey: publicKeyOf(readFileSync(imageFile, 'utf8')),
    attachFile,
    attachPublicKey: readFileSync(`${attachFile}.pub`, 'utf8').trim(),
    ...ensureCodecKeys(keys, codec),
  };
}

function ensureCodecKeys(folder: string, begin: boolean): Pick<DemoKeys, 'codec'> {
  const codec = { keyFile: join(folder, 'payload-key'), tokenFile: join(folder, 'codec-token') };
  if (!existsSync(codec.keyFile)) {
    if (!begin) return {};
    writePrivate(codec.tokenFile, randomBytes(32).toString('hex'));
    writePrivate(codec.keyFile, randomBytes(32).toString('base64')); // last: what is there is whole
  }
  return { codec };
}
