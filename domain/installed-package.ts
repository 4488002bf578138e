/** A package that is in an image. */
export interface InstalledPackage {
  readonly kind: 'deb' | 'pypi';
  readonly name: string;
  readonly version: string;
  /** Debian's name of the processor. */
  readonly architecture?: string;
  /** As the package states it: an SPDX expression, or a name. */
  readonly licence?: { readonly expression: string } | { readonly name: string };
}

/** What `/etc/os-release` calls the system: `debian` and `12`. */
export interface Distribution {
  readonly id: string;
  readonly version: string;
}

/** Package URL (https://github.com/package-url/purl-spec): one text for one package. */
export function packageUrl(item: InstalledPackage, system?: Distribution): string {
  const version = encoded(item.version);
  if (item.kind === 'pypi') return `pkg:pypi/${encoded(item.name.toLowerCase().replace(/[-_.]+/g, '-'))}@${version}`;
  const qualifiers = [
    ...(item.architecture ? [`arch=${encoded(item.architecture)}`] : []),
    ...(system ? [`distro=${encoded(`${system.id}-${system.version}`)}`] : []),
  ];
  const tail = qualifiers.length > 0 ? `?${qualifiers.join('&')}` : '';
  return `pkg:deb/${encoded(system?.id ?? 'debian')}/${encoded(item.name.toLowerCase())}@${version}${tail}`;
}

const encoded = (text: string): string => encodeURIComponent(text).replaceAll('%3A', ':');
