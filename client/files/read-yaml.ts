import { isAlias, isMap, isNode, isScalar, LineCounter, parseAllDocuments, visit, type Document } from 'yaml';
import { shown, type Issue } from '../../domain/validation.ts';
import { refused, type Fault } from '../command-error.ts';
import { readText } from './read-text.ts';
import { pathSegments } from './path-segments.ts';

/** A YAML file that was read: its value, and where in the file a fault of the value stands. */
export interface YamlFile {
  readonly file: string;
  readonly value: unknown;
  faults(issues: readonly Issue[]): Fault[];
}

const MAX_DEPTH = 50;
const CORE_TAG = /^(!|tag:yaml\.org,2002:(str|int|float|bool|null|map|seq))$/;

/**
 * Reads one YAML 1.2 document, strictly: no duplicate keys, no tags of other languages, no second document, no bomb of
 * aliases, no key that is not a text.
 * `prepare` may change the document before its value is taken.
 * @throws CommandError exit 2, with every fault that the parser finds
 */
export async function readYaml(file: string, prepare?: (document: Document) => void): Promise<YamlFile> {
  const text = await readText(file);
  const lines = new LineCounter();
  const document = parseOne(file, text, lines);
  const faults = [
    ...[...document.errors, ...document.warnings].map((problem) => ({
      file,
      line: lines.linePos(problem.pos[0]).line,
      path: '',
      rule: problem.message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? '',
    })),
    ...strangeNodes(file, document, lines),
  ];
  if (faults.length > 0) throw notYaml(faults);
  prepare?.(document);
  return {
    file,
    value: toValue(file, document),
    faults: (issues) => issues.map((issue) => ({ file, ...lineOf(document, lines, issue.path), ...issue })),
  };
}

function parseOne(file: string, text: string, lines: LineCounter): Document {
  try {
    const documents = parseAllDocuments(text, { lineCounter: lines, version: '1.2', schema: 'core', strict: true });
    if (documents.length > 1)
      throw notYaml([{ file, path: '', rule: 'holds several YAML documents; one is expected' }]);
    const document = documents[0] as Document | undefined;
    if (!document || (document.contents === null && document.errors.length === 0))
      throw notYaml([{ file, path: '', rule: 'is empty' }]);
    return document;
  } catch (error) {
    if (error instanceof RangeError) throw notYaml([{ file, path: '', rule: 'is nested too deeply' }]);
    throw error;
  }
}

/** What YAML allows and a configuration has no use for. */
function strangeNodes(file: string, document: Document, lines: LineCounter): Fault[] {
  const faults: Fault[] = [];
  const fault = (node: unknown, rule: string, value?: string) => {
    const start = isNode(node) ? node.range?.[0] : undefined;
    const at = start === undefined ? {} : { line: lines.linePos(start).line };
    faults.push({ file, ...at, path: '', rule, ...(value === undefined ? {} : { value }) });
  };
  try {
    visit(document, (key, node, path) => {
      if (path.length > 2 * MAX_DEPTH) {
        fault(node, `is nested deeper than ${MAX_DEPTH} levels`);
        return visit.BREAK;
      }
      if (key === 'key' && isAlias(node)) fault(node, 'a key may not be an alias');
      else if (key === 'key' && (!isScalar(node) || typeof node.value !== 'string'))
        fault(node, 'a key must be a text; put it in quotes', isScalar(node) ? shown(node.value) : undefined);
      else if (key === 'key' && isScalar(node) && node.value === '__proto__')
        fault(node, 'is no key', shown('__proto__'));
      else if (isNode(node) && !isAlias(node) && node.tag !== undefined && !CORE_TAG.test(node.tag))
        fault(node, 'has a tag that means nothing here', shown(node.tag));
      return undefined;
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    fault(undefined, 'is nested too deeply');
  }
  return faults;
}

function toValue(file: string, document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 }) as unknown;
  } catch (error) {
    const rule = error instanceof ReferenceError ? 'expands to too much by its aliases' : 'is nested too deeply';
    throw notYaml([{ file, path: '', rule }]);
  }
}

/** The line of the deepest part of the path that is in the file. */
function lineOf(document: Document, lines: LineCounter, path: string): { line?: number } {
  const segments = pathSegments(path);
  for (let length = segments.length; length >= 0; length--) {
    const parent: unknown = length === 0 ? document.contents : document.getIn(segments.slice(0, length - 1), true);
    const last = segments[length - 1];
    const pair = isMap(parent) ? parent.items.find((item) => isScalar(item.key) && item.key.value === last) : undefined;
    const node: unknown = length === 0 ? parent : (pair?.key ?? document.getIn(segments.slice(0, length), true));
    if (isNode(node) && node.range) return { line: lines.linePos(node.range[0]).line };
  }
  return {};
}

function notYaml(faults: Fault[]) {
  return refused('The file is no YAML that edge-train takes.', faults, 'Correct the file and run the command again.');
}
