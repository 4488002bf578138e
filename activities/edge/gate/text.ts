import { isPlainYaml } from '../../../services/plain-yaml.ts';
import type { ByteSource } from './byte-source.ts';
import type { Fault } from './finding.ts';

/** A text is read whole: the worker has 1 GiB for all. */
const MOST = 64 * 2 ** 20;

/** Undefined for one JSON value in UTF-8 and nothing after it. */
export const jsonFault = (source: ByteSource): Promise<Fault | undefined> =>
  textFault(source, (text) => {
    JSON.parse(text);
    return true;
  });

/** Undefined for one YAML document of plain values: no tag, no alias, no second document. */
export const yamlFault = (source: ByteSource): Promise<Fault | undefined> => textFault(source, isPlainYaml);

/** Undefined where each line is a comment, an option of pip’s, or one requirement. */
export const requirementsFault = (source: ByteSource): Promise<Fault | undefined> =>
  textFault(source, (text) => text.split(/\r?\n/).every((line) => REQUIREMENT.test(line.trim())));

/** Undefined for a text that Python would read; whether it is Python, an approver sees. */
export const pythonFault = (source: ByteSource): Promise<Fault | undefined> => textFault(source, () => true);

const CLAUSE = String.raw`[<>=!~]=?=?\s*[\w.*+-]{1,60}`;
const NAME = String.raw`[A-Za-z0-9][\w.-]{0,100}(?:\[[\w,. -]{1,100}\])?`;
const REQUIREMENT = new RegExp(
  String.raw`^(?:#.{0,200}|-{1,2}[a-z][\w-]{0,40}[ =]\S{1,200}|${NAME}\s*(?:${CLAUSE}(?:\s*,\s*${CLAUSE})*|@ \S{1,300})?\s*(?:;.{1,200})?)?(?:\s+#.{0,200})?$`,
);

/** Undefined for a text in UTF-8 without control characters that is whole. */
export async function textFault(source: ByteSource, isWhole: (text: string) => boolean): Promise<Fault | undefined> {
  if (source.bytes > MOST) return 'too-large-to-read';
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await source.read(0, source.bytes));
    // eslint-disable-next-line no-control-regex -- a text has none but line ends and tabs
    return !/[\x00-\x08\x0b\x0e-\x1f]/.test(text) && isWhole(text) ? undefined : 'not-whole';
  } catch {
    return 'not-whole';
  }
}
