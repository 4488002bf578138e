export const KINDS = ['history', 'log', 'command line', 'request', 'blob', 'layer'] as const;
export type Kind = (typeof KINDS)[number];

/** Something that the product, or a service that it uses, has written or was told, byte for byte. */
export interface Exhibit {
  readonly kind: Kind;
  /** Where it is, for who has to look. */
  readonly name: string;
  readonly bytes: Buffer;
  /** Of the site's own storage: patients' ids belong there, keys do not. */
  readonly onSite?: true;
}
