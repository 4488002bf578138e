import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { getCACertificates } from 'node:tls';

/** PATH, where uv finds a Python, and proxies in both spellings: no credential but what a proxy's URL may hold. */
const PASSED_ON = [
  'PATH',
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap((name) => [name, name.toLowerCase()]),
];

/**
 * What `uv` may see of the worker's environment: PATH, proxies, and one file with every certificate authority that the worker
 * itself trusts (Node's, the system's, NODE_EXTRA_CA_CERTS) and `ca`, which cloud.yml names. SSL_CERT_FILE, where the
 * operator sets it, is kept.
 */
export async function packageToolEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  cache: string,
  ca: string | undefined,
): Promise<Record<string, string>> {
  const passedOn = PASSED_ON.flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const certificates = environment['SSL_CERT_FILE'] ?? (await trustFile(cache, ca));
  return { ...Object.fromEntries(passedOn), SSL_CERT_FILE: certificates };
}

async function trustFile(cache: string, ca: string | undefined): Promise<string> {
  const all = new Set([...getCACertificates('default'), ...getCACertificates('system'), ...(ca ? [ca] : [])]);
  const file = path.join(cache, 'trusted.pem');
  const draft = `${file}.${process.pid}`;
  await mkdir(cache, { recursive: true });
  await writeFile(draft, [...all].map((pem) => `${pem.trim()}\n`).join(''));
  await rename(draft, file);
  return file;
}
