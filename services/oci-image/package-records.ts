import type { Distribution, InstalledPackage } from '../../domain/installed-package.ts';

/** Fields of RFC 822's form: one a line, continued by lines that begin with a blank; an empty line ends them. */
function fieldsOf(stanza: string): Map<string, string[]> {
  const fields = new Map<string, string[]>();
  for (const line of stanza
    .replace(/\r/g, '')
    .replace(/\n[ \t]+/g, '\u0000')
    .split('\n')) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const name = line.slice(0, colon).toLowerCase();
    fields.set(name, [
      ...(fields.get(name) ?? []),
      line
        .slice(colon + 1)
        .replaceAll('\u0000', '\n')
        .trim(),
    ]);
  }
  return fields;
}

/** `var/lib/dpkg/status` (deb-status): what is installed, and nothing that was removed. Images without dpkg state no status. */
export function readDpkgStatus(text: string): InstalledPackage[] {
  return text
    .split(/\n\n+/)
    .map(fieldsOf)
    .filter((fields) => (fields.get('status')?.[0] ?? 'installed').endsWith('installed'))
    .filter((fields) => !/ (not-installed|half-installed)$/.test(fields.get('status')?.[0] ?? ''))
    .flatMap((fields) => {
      const [name, version] = [fields.get('package')?.[0], fields.get('version')?.[0]];
      const architecture = fields.get('architecture')?.[0];
      if (!name || !version) return [];
      return [{ kind: 'deb' as const, name, version, ...(architecture ? { architecture } : {}) }];
    });
}

/** A wheel's `METADATA` (Python packaging, core metadata): name, version, and the licence as its author states it. */
export function readPythonMetadata(text: string): InstalledPackage | undefined {
  const fields = fieldsOf(text.replace(/\r/g, '').split('\n\n', 1)[0] ?? '');
  const [name, version] = [fields.get('name')?.[0], fields.get('version')?.[0]];
  if (!name || !version) return undefined;
  const licence = licenceOf(fields);
  return { kind: 'pypi', name, version, ...(licence ? { licence } : {}) };
}

/** `License-Expression` is SPDX's; `License` may be a whole licence's text, and then the classifiers say it shorter. */
function licenceOf(fields: ReadonlyMap<string, readonly string[]>): InstalledPackage['licence'] {
  const expression = fields.get('license-expression')?.[0];
  if (expression) return { expression };
  const classified = (fields.get('classifier') ?? [])
    .filter((each) => each.startsWith('License ::'))
    .map((each) => each.split('::').at(-1)?.trim() ?? '')
    .filter((each) => each !== '' && each !== 'OSI Approved');
  const [stated = ''] = (fields.get('license')?.[0] ?? '').split('\n', 1);
  const name = classified.length > 0 ? classified.join(', ') : stated.trim().slice(0, 200);
  return name === '' || name === 'UNKNOWN' ? undefined : { name };
}

/** `os-release`: NAME=value, in quotes or not. */
export function readOsRelease(text: string): Distribution | undefined {
  const value = (name: string) => new RegExp(`^${name}=["']?([\\w.-]+)["']?$`, 'm').exec(text)?.[1];
  const id = value('ID');
  return id === undefined ? undefined : { id, version: value('VERSION_ID') ?? 'unknown' };
}
