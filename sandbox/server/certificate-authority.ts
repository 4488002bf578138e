import 'reflect-metadata';
import { createPrivateKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, join } from 'node:path';
import * as x509 from '@peculiar/x509';

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const day = 24 * 60 * 60 * 1000;

export interface ServerCertificate {
  key: string;
  cert: string;
}

/** What the fronts, and the programs behind them, are called by. */
export const certificateNames = (gateway: string): string[] => ['127.0.0.1', 'localhost', gateway];

interface Paths {
  /** Public certificate of the authority. */
  ca: string;
  /** Folder of the private parts. */
  own: string;
}

/**
 * The certificate that every front shows, signed by the sandbox's own authority. Both are made once and kept (the trust
 * that clients and VMs hold survives restarts); the server's is made anew when a name is missing or it ends within 30 days.
 */
export async function serverCertificate(paths: Paths, names: string[]): Promise<ServerCertificate> {
  mkdirSync(paths.own, { recursive: true, mode: 0o700 });
  const authority = await readAuthority(paths);
  const kept = readKept(paths, authority.cert);
  return kept && covers(kept, names) ? kept : issue(paths, authority, names);
}

interface Authority {
  keys: { privateKey: webcrypto.CryptoKey; publicKey: webcrypto.CryptoKey };
  cert: x509.X509Certificate;
}

async function readAuthority(paths: Paths): Promise<Authority> {
  const keyFile = join(paths.own, 'ca.key');
  if (!existsSync(keyFile) || !existsSync(paths.ca)) await makeAuthority(paths, keyFile);
  const cert = new x509.X509Certificate(readFileSync(paths.ca, 'utf8'));
  const pkcs8 = x509.PemConverter.decodeFirst(readFileSync(keyFile, 'utf8'));
  const privateKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']);
  return { keys: { privateKey: privateKey, publicKey: await cert.publicKey.export() }, cert };
}

async function makeAuthority(paths: Paths, keyFile: string): Promise<void> {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: 'CN=edge-train sandbox CA',
    notBefore: new Date(Date.now() - day),
    notAfter: new Date(Date.now() + 3650 * day),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  writeWhole(keyFile, await exportKey(keys.privateKey), 0o600);
  writeWhole(paths.ca, cert.toString('pem') + '\n', 0o644);
}

function readKept(paths: Paths, authority: x509.X509Certificate): ServerCertificate | undefined {
  const [keyFile, certFile] = [join(paths.own, 'tls.key'), join(paths.own, 'tls.pem')];
  if (!existsSync(keyFile) || !existsSync(certFile)) return undefined;
  const kept = { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') };
  const issuer = new X509Certificate(authority.toString('pem'));
  const cert = new X509Certificate(kept.cert);
  return cert.verify(issuer.publicKey) && cert.checkPrivateKey(createPrivateKey(kept.key)) ? kept : undefined;
}

function covers({ cert }: ServerCertificate, names: string[]): boolean {
  const parsed = new X509Certificate(cert);
  const fresh = Date.parse(parsed.validTo) - Date.now() > 30 * day;
  return fresh && names.every((name) => (isIP(name) ? parsed.checkIP(name) : parsed.checkHost(name)) !== undefined);
}

async function issue(paths: Paths, authority: Authority, names: string[]): Promise<ServerCertificate> {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const cert = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: 'CN=edge-train sandbox',
    issuer: authority.cert.subject,
    notBefore: new Date(Date.now() - day),
    notAfter: new Date(Date.now() + 390 * day),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names.map((name) => ({ type: isIP(name) ? 'ip' : 'dns', value: name }))),
      await x509.AuthorityKeyIdentifierExtension.create(authority.cert),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const made = { key: await exportKey(keys.privateKey), cert: cert.toString('pem') + '\n' };
  writeWhole(join(paths.own, 'tls.key'), made.key, 0o600);
  writeWhole(join(paths.own, 'tls.pem'), made.cert, 0o644);
  return made;
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY') + '\n';
}

/** Positive and unique, as RFC 5280 asks. */
function serial(): string {
  return '01' + randomBytes(15).toString('hex');
}

/** Killed at any point, the file is the old one or the new one. */
function writeWhole(file: string, text: string, mode: number): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.next`, text, { mode });
  renameSync(`${file}.next`, file);
}
