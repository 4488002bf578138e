import { createPrivateKey } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { docker, vmContainer, type Product } from '../product.ts';
import type { Needle } from './needles.ts';

/**
 * What nobody but its owner may hold. Of a private key only the secret number is looked for: whatever form a key is
 * written in (PEM, JWK, OpenSSH, DER, any of these in base64 or hex), decoding comes to these bytes.
 */
export async function secrets(product: Product): Promise<Needle[]> {
  const read = (...path: string[]) => readFileSync(join(product.folder, ...path), 'utf8').trim();
  const { accounts } = JSON.parse(read('sandbox', 'server.json')) as { accounts: Record<'site' | 'release', Key> };
  const vm = await vmContainer(product);
  const onMachine = (file: string) => docker(product.info, 'exec', vm, 'cat', file);
  const machine = JSON.parse(await onMachine('/etc/edge-train/machine.json')) as { privateKey: { d: string } };
  return [
    ...encodedSecret('the key of the site’s storage account', accounts.site.key),
    ...encodedSecret('the key of the release account', accounts.release.key),
    ...text('the Stack Hub client’s secret', read('sandbox', 'secrets', 'stack-hub-client')),
    ...text('the Azure client’s secret', read('sandbox', 'secrets', 'azure-client')),
    ...readdirSync(join(product.folder, 'keys'))
      .filter((file) => !file.endsWith('.pub'))
      .flatMap((file) => keyOfFile(`keys/${file}`, read('keys', file))),
    ...text('the VM’s own key', machine.privateKey.d),
    { name: 'the VM’s own key', bytes: Buffer.from(machine.privateKey.d, 'base64url') },
    ...opened('the VM’s SSH host key', await onMachine('/etc/ssh/ssh_host_ed25519_key'), seedOfOpenSsh),
  ];
}

/** The receipts' key, the one that Azure ML logs in with, the user's SAS: a file of another kind must be taught here. */
function keyOfFile(name: string, content: string): Needle[] {
  if (content.startsWith('-----BEGIN OPENSSH')) return opened(name, content, seedOfOpenSsh);
  if (content.startsWith('-----BEGIN')) return opened(name, content, scalarOfPem);
  const signature = new URLSearchParams(content).get('sig');
  if (signature === null) throw new Error(`${name} holds a secret of a kind that is not looked for`);
  return encodedSecret(name, signature);
}

interface Key {
  readonly key: string;
}

/** The secret number in a key's file, and the lines of the file that hold it, for who decodes nothing. */
function opened(name: string, pem: string, number: (pem: string) => Buffer): Needle[] {
  const secret = number(pem);
  const body = pem.replace(/-----.*-----/g, '').replace(/\s/g, '');
  const at = Buffer.from(body, 'base64').indexOf(secret);
  const lines = pem.split('\n').filter((line) => /^[A-Za-z0-9+/=]{40,}$/.test(line));
  const from = Math.floor((at * 8) / 6);
  const holding = lines.filter((line) => {
    const start = body.indexOf(line);
    return start + line.length > from && start < from + 40;
  });
  return [{ name, bytes: secret }, ...holding.flatMap((line) => text(name, line))];
}

/** A text as programs write it: UTF-8, both kinds of UTF-16, and in a URL. */
export function text(name: string, value: string): Needle[] {
  const utf16 = Buffer.from(value, 'utf16le');
  const forms = [Buffer.from(value), utf16, Buffer.from(utf16).swap16(), Buffer.from(encodeURIComponent(value))];
  return forms.map((bytes) => ({ name, bytes }));
}

/** A secret that is base64 already: as text, and the bytes that any other encoding of it comes to. */
const encodedSecret = (name: string, base64: string): Needle[] => [
  ...text(name, base64),
  { name, bytes: Buffer.from(base64, 'base64') },
];

/** Of an EC key. */
export function scalarOfPem(pem: string): Buffer {
  return Buffer.from(createPrivateKey(pem).export({ format: 'jwk' }).d ?? '', 'base64url');
}

/** Of an ed25519 key that has no passphrase: the first half of the only field of 64 bytes (PROTOCOL.key of OpenSSH). */
export function seedOfOpenSsh(key: string): Buffer {
  const bytes = Buffer.from(key.replace(/-----.*-----/g, ''), 'base64');
  const at = bytes.indexOf(Buffer.from([0, 0, 0, 64]));
  if (at < 0) throw new Error('this is no ed25519 key of OpenSSH');
  return bytes.subarray(at + 4, at + 36);
}
