import {
  isAlias,
  isCollection,
  isMap,
  isScalar,
  isSeq,
  parseAllDocuments,
  visit,
  type Document,
  type Node,
} from 'yaml';
import { shown } from '../../domain/validation.ts';
import { refused, type Fault } from '../command-error.ts';
import { pathSegments } from './path-segments.ts';
import type { YamlFile } from './read-yaml.ts';

type Segments = readonly (string | number)[];

/** One `--set path=value`. */
interface Override {
  readonly path: string;
  readonly segments: Segments;
  readonly value: Node | null;
  /** The shallowest part of the path that the file did not have. */
  made?: string;
}

export interface Overrides {
  /** Changes the job file's document. @throws CommandError exit 2 */
  apply(document: Document): void;
  /** The same file, whose faults are told at `--set PATH` where that made them. */
  located(yaml: YamlFile): YamlFile;
}

/**
 * `--set path=value`, as `az ml job create --set` has it: fields of the job file, changed before anything is checked. The
 * value is YAML, so `0.1`, `true`, `null` and `{type: uri_file}` are what they look like.
 * @throws CommandError exit 2
 */
export function readOverrides(given: readonly string[]): Overrides {
  const overrides: Override[] = [];
  const faults: Fault[] = [];
  for (const text of given) {
    const read = readOne(text);
    if ('rule' in read) faults.push(read);
    else if (overrides.some(({ path }) => path === read.path)) faults.push(fault(read.path, 'is given twice'));
    else overrides.push(read);
  }
  if (faults.length > 0) throw wrong(faults);
  return {
    apply(document) {
      const refusals = overrides.flatMap((override) => applyOne(document, override));
      if (refusals.length > 0) throw wrong(refusals);
    },
    located: (yaml) => ({
      ...yaml,
      faults: (issues) =>
        issues.flatMap((issue): Fault[] => {
          const made = overrides.find((override) => override.made && isAtOrBelow(issue.path, override.made));
          return made ? [{ ...issue, path: `--set ${issue.path}` }] : yaml.faults([issue]);
        }),
    }),
  };
}

const NO_KEYS = ['__proto__', 'constructor', 'prototype'];
const PATH = /^[A-Za-z_$][\w$-]*(\.[\w$-]+|\[\d{1,4}\])*$/;

function readOne(text: string): Override | Fault {
  const equals = text.indexOf('=');
  const path = equals < 0 ? text : text.slice(0, equals);
  if (equals < 0) return { path: '--set', rule: 'must be PATH=VALUE', value: shown(text) };
  if (!PATH.test(path) || path.length > 200)
    return { path: '--set', rule: 'has no path such as inputs.rate or a.b[0]', value: shown(path) };
  const segments = pathSegments(path);
  if (segments.some((segment) => NO_KEYS.includes(String(segment)))) return fault(path, 'is no field of a job file');
  const value = readValue(text.slice(equals + 1));
  return value === undefined
    ? fault(path, 'has a value that is no YAML; put it in quotes', text.slice(equals + 1))
    : { path, segments, value };
}

/** Undefined for what the job file itself could not hold. */
function readValue(text: string): Node | null | undefined {
  if (text.length > 65_536) return undefined;
  try {
    const documents = parseAllDocuments(text, { version: '1.2', schema: 'core', strict: true });
    if (documents.length > 1) return undefined;
    const document = documents[0] as Document<Node> | undefined;
    if (!document) return null;
    if (document.errors.length > 0 || document.warnings.length > 0) return undefined;
    let strange = false;
    visit(document, (key, node, ancestors) => {
      const named = isScalar(node) && key === 'key' && (typeof node.value !== 'string' || NO_KEYS.includes(node.value));
      const tagged = 'tag' in (node as object) && (node as { tag?: string }).tag !== undefined;
      strange ||= isAlias(node) || named || tagged || ancestors.length > 20;
      return strange ? visit.BREAK : undefined;
    });
    return strange ? undefined : document.contents;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function applyOne(document: Document, override: Override): Fault[] {
  const { path, segments, value } = override;
  for (let length = 1; length < segments.length; length++) {
    const parent: unknown = document.getIn(segments.slice(0, length), true);
    if (parent === undefined || (isScalar(parent) && parent.value === null)) break;
    if (!isCollection(parent) || isMap(parent) === (typeof segments[length] === 'number'))
      return [fault(path, `goes through ${text(segments.slice(0, length))}, which has no such part`)];
    if (isSeq(parent) && (segments[length] as number) > parent.items.length)
      return [fault(path, `is beyond the end of ${text(segments.slice(0, length))}`)];
  }
  override.made = text(segments.slice(0, present(document, segments) + 1));
  document.setIn(segments, value);
  return [];
}

/** How many segments of the path, from its head, the file has; at most all but the last. */
function present(document: Document, segments: Segments): number {
  let length = 0;
  while (length < segments.length - 1 && isCollection(document.getIn(segments.slice(0, length + 1), true))) length++;
  return length;
}

function text(segments: Segments): string {
  return segments.map((each, i) => (typeof each === 'number' ? `[${each}]` : `${i ? '.' : ''}${each}`)).join('');
}

const isAtOrBelow = (path: string, above: string): boolean =>
  path === above || path.startsWith(`${above}.`) || path.startsWith(`${above}[`);

function fault(path: string, rule: string, value?: string): Fault {
  return { path: `--set ${path}`, rule, ...(value === undefined ? {} : { value: shown(value) }) };
}

function wrong(faults: readonly Fault[]) {
  return refused(
    'The training is refused; nothing was started.',
    faults,
    'Set fields of the job file, such as --set inputs.rate=0.1; see run --help.',
  );
}
