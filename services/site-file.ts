import { open } from 'node:fs/promises';
import { parseDocument } from 'yaml';
import { virtualMachineName } from '../domain/resource-names.ts';
import { SiteFile } from '../domain/site-file.ts';
import { describeIssues, parse } from '../domain/validation.ts';
import { ServiceError } from './errors.ts';
import { sha256 } from './signing.ts';

/** The operator's file as it stands now, and the SHA-256 of its bytes. */
export interface SiteReading {
  readonly site: SiteFile;
  readonly digest: string;
}

const MAX_BYTES = 1024 * 1024;

/**
 * Reads `site.yml`: UTF-8 YAML 1.2, one document, no key twice. It is read at every step, so a policy that was tightened
 * holds from then on. @throws ServiceError `InvalidConfiguration` (policy) with every fault of the file
 */
export async function readSiteFile(path: string): Promise<SiteReading> {
  const bytes = await readRegularFile(path);
  const parsed = parse(SiteFile, yamlValue(path, bytes));
  if (!parsed.ok) throw invalid(path, describeIssues(parsed.issues));
  const faults = [
    ...danglingReferences(parsed.value),
    ...hostFaults(parsed.value),
    ...registryFaults(parsed.value),
    ...temporalFaults(parsed.value),
  ];
  if (faults.length > 0) throw invalid(path, faults.join('\n'));
  return { site: parsed.value, digest: sha256(bytes) };
}

/** A PEM file that the configuration names. @throws ServiceError */
export async function readPem(path: string): Promise<string> {
  const text = (await readRegularFile(path)).toString('utf8');
  if (!text.includes('-----BEGIN CERTIFICATE-----')) throw invalid(path, 'it holds no PEM certificate');
  return text;
}

async function readRegularFile(path: string): Promise<Buffer> {
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    throw invalid(path, `it cannot be opened (${error.code ?? 'unknown error'})`);
  });
  try {
    const status = await handle.stat();
    if (!status.isFile()) throw invalid(path, 'it is not a regular file');
    if ((status.mode & 0o002) !== 0) throw invalid(path, `it can be changed by everyone: chmod o-w ${path}`);
    if (status.size > MAX_BYTES) throw invalid(path, `it is larger than ${MAX_BYTES} bytes`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

/** The parser's words are kept without the lines that they quote: a plain password may stand there by mistake. */
function yamlValue(path: string, bytes: Buffer): unknown {
  const document = parseDocument(decoded(path, bytes), {
    version: '1.2',
    uniqueKeys: true,
    prettyErrors: true,
    // `silent` would take a second document without a word.
    logLevel: 'error',
  });
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem) {
    const line = problem.linePos?.[0].line;
    throw invalid(
      path,
      `${line === undefined ? '' : `line ${line}: `}${problem.code.toLowerCase().replaceAll('_', ' ')}`,
    );
  }
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch {
    throw invalid(path, 'its aliases expand to too much');
  }
}

function decoded(path: string, bytes: Buffer): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (!text.includes('\0')) return text;
  } catch {
    // said below
  }
  throw invalid(path, 'it is not UTF-8');
}

/** Names that must be there for what names them. */
function danglingReferences(site: SiteFile): string[] {
  const known = Object.keys(site.storageAccounts);
  const account = (where: string, name: string) =>
    Object.hasOwn(site.storageAccounts, name)
      ? []
      : [`${where}.account: storageAccounts has no ${name}; it has ${known.join(', ') || 'none'}`];
  return [
    ...account('runs', site.runs.account),
    ...Object.entries(site.dataStores).flatMap(([name, store]) => account(`dataStores.${name}`, store.account)),
    ...Object.entries(site.dataAssets).flatMap(([name, { store }]) =>
      Object.hasOwn(site.dataStores, store) ? [] : [`dataAssets.${name}.store: dataStores has no ${store}`],
    ),
  ];
}

/** A host is leased by its name: a VM's name, or a second name, would let two runs on it at once. */
function hostFaults({ name: site, hosts, virtualMachines }: SiteFile): string[] {
  const ofVirtualMachines = [
    ...virtualMachines.sizes.map((size) => virtualMachineName(site, size)),
    virtualMachines.default,
  ];
  const place = (name: string) => `${hosts[name]?.address.toLowerCase()} port ${hosts[name]?.port}`;
  const names = Object.keys(hosts);
  return names.flatMap((name, i) => {
    const twin = names.slice(0, i).find((other) => place(other) === place(name));
    return [
      ...(ofVirtualMachines.includes(name) ? [`hosts.${name}: is the name of a VM of this site`] : []),
      ...(twin === undefined ? [] : [`hosts.${name}: is ${place(name)}, as is hosts.${twin}`]),
    ];
  });
}

function registryFaults({ registries }: SiteFile): string[] {
  const hosts = registries.map(({ host }) => host);
  return registries.flatMap(({ host, username, password }, i) => [
    ...(hosts.indexOf(host) === i ? [] : [`registries.${i}: names ${host} a second time`]),
    ...((username === undefined) === (password === undefined)
      ? []
      : [`registries.${i}: username and password stand together, or neither does`]),
  ]);
}

/** The namespace `temporal-system` in a permission opens all others. */
function temporalFaults({ temporal: { apiKey, jwt, namespace } }: SiteFile): string[] {
  if (!jwt) return [];
  return [
    ...(apiKey ? ['temporal: apiKey and jwt are two ways to one end: keep one'] : []),
    ...(namespace === 'temporal-system' ? ['temporal.namespace: temporal-system is no site’s'] : []),
  ];
}

function invalid(path: string, why: string): ServiceError {
  return new ServiceError({
    class: 'policy',
    type: 'InvalidConfiguration',
    cause: `${path}: ${why}`,
    nextStep: 'The operator corrects the file; it is read anew at each attempt.',
    retryable: false,
  });
}
