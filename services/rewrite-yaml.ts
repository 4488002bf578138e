import { isDeepStrictEqual } from 'node:util';
import { isMap, isScalar, isSeq, parse, parseDocument, Scalar, type ParsedNode } from 'yaml';

/**
 * A YAML document in block style without its comments, each scalar in one spelling. A plain scalar stays plain and keeps its
 * letters, so that YAML 1.1 (PyYAML) and 1.2 make of it what they made before. Undefined where that cannot be kept.
 */
export function rewriteYaml(text: string): string | undefined {
  const document = parseDocument(text, { uniqueKeys: true });
  if (document.errors.length > 0) return undefined;
  try {
    const lines = document.contents === null ? ['null'] : block(document.contents as ParsedNode);
    const made = `${lines.join('\n')}\n`;
    return isDeepStrictEqual(parse(made), document.toJS()) ? made : undefined;
  } catch (error) {
    if (error instanceof NotPlain) return undefined;
    throw error;
  }
}

class NotPlain extends Error {}

function block(node: ParsedNode | null): string[] {
  if (node !== null && (node.tag ?? '').startsWith('!')) throw new NotPlain();
  if (isMap(node) && node.items.length > 0)
    return node.items.flatMap(({ key, value }) => under(`${keyText(key)}:`, value as ParsedNode | null));
  if (isSeq(node) && node.items.length > 0) return node.items.flatMap((item) => under('-', item as ParsedNode));
  return [inline(node)];
}

/** A value behind its key or dash: a scalar on the same line, else deeper. */
function under(head: string, value: ParsedNode | null): string[] {
  const isOpen = (isMap(value) || isSeq(value)) && value.items.length > 0;
  return isOpen ? [head, ...block(value).map((line) => `  ${line}`)] : [`${head} ${inline(value)}`];
}

function inline(node: ParsedNode | null): string {
  if (isMap(node)) return '{}';
  if (isSeq(node)) return '[]';
  if (node === null) return 'null';
  if (!isScalar(node)) throw new NotPlain();
  return scalarText(node);
}

/** A key of more than a line needs another form. */
function keyText(key: unknown): string {
  const text = isScalar(key) ? scalarText(key) : undefined;
  if (text === undefined || text.length > 1000) throw new NotPlain();
  return text;
}

function scalarText(node: Scalar): string {
  if (node.type !== Scalar.PLAIN) return quoted(String(node.value));
  const { source = '' } = node;
  if (node.tag !== undefined) {
    if (typeof node.value !== 'string') throw new NotPlain();
    return quoted(node.value);
  }
  if (source === '') return 'null';
  // Over several lines it is a text to all; on one line it might be read otherwise.
  return /\s\s|[\n\t]/.test(source) ? quoted(String(node.value)) : source;
}

/** In double quotes; what PyYAML does not take for printable is escaped. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\x7f-\x9f\u00ad\u2028\u2029\ufeff\ufffe\uffff]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
