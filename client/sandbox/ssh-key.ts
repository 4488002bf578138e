import { generateKeyPairSync, randomBytes } from 'node:crypto';

/**
 * A new ed25519 key pair as `ssh-keygen` writes it (openssh-portable's PROTOCOL.key, RFC 8709): Azure ML and most SSH
 * libraries take an ed25519 key in no other form.
 */
export function generateSshKey(comment: string): { privateKey: string; publicKey: string } {
  const { d = '', x = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  const [secret, open] = [Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')];
  const publicBlob = Buffer.concat([field(TYPE), field(open)]);
  const check = randomBytes(4);
  const inner = Buffer.concat([
    ...[check, check, publicBlob, field(Buffer.concat([secret, open]))],
    field(Buffer.from(comment)),
  ]);
  const padding = Buffer.from(Array.from({ length: (8 - (inner.length % 8)) % 8 }, (_, i) => i + 1));
  const whole = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    ...[field(NONE), field(NONE), field(Buffer.alloc(0)), number(1)],
    ...[field(publicBlob), field(Buffer.concat([inner, padding]))],
  ]);
  const lines = whole.toString('base64').match(/.{1,70}/g) ?? [];
  return {
    privateKey: ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n'),
    publicKey: `ssh-ed25519 ${publicBlob.toString('base64')} ${comment}`,
  };
}

const TYPE = Buffer.from('ssh-ed25519');
const NONE = Buffer.from('none');

function field(bytes: Buffer): Buffer {
  return Buffer.concat([number(bytes.length), bytes]);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
