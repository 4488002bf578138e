import type { DemoKeys } from './keys.ts';

const text = JSON.stringify;

/** The same in all three files. Nothing where the demo does not encrypt. */
export const codecYml = ({ codec }: Pick<DemoKeys, 'codec'>): string =>
  codec
    ? `
# What is in Temporal is encrypted with this key. Nothing in plaintext is taken.
codec:
  keys: { demo: ${text(`file:${codec.keyFile}`)} }
  current: demo
  required: true
`
    : '';
