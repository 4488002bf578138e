import { isMap, isNode, isScalar, isSeq, type Document } from 'yaml';
import { pythonFloat } from '../../domain/python-text.ts';

/** Where a job file holds literals, which Azure ML turns into Python's `str(value)`. */
const PLACES = [['inputs'], ['environment_variables'], ['tags'], ['trial', 'environment_variables']] as const;

/**
 * JSON has one kind of number, so `1.0` would reach the script as `1` and a long integer changed. Where Python writes a
 * number of the file otherwise than JavaScript does, this puts Python's text in its place. Changes the document.
 */
export function keepPythonLiterals(document: Document): void {
  for (const place of PLACES) {
    const map: unknown = document.getIn(place, true);
    if (isMap(map)) for (const { value } of map.items) keepLiteral(value);
  }
  const space: unknown = document.get('search_space', true);
  for (const { value: parameter } of isMap(space) ? space.items : []) {
    const values: unknown = isMap(parameter) ? parameter.get('values', true) : undefined;
    if (isSeq(values)) values.items.forEach(keepLiteral);
  }
}

function keepLiteral(node: unknown): void {
  if (!isNode(node) || !isScalar(node) || typeof node.value !== 'number' || node.anchor) return;
  const text = pythonText(node.value, node.source ?? String(node.value));
  if (text !== String(node.value)) node.value = text;
}

function pythonText(value: number, source: string): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value < 0 ? '-inf' : 'inf';
  if (/^[-+]?\d+$/.test(source)) return BigInt(source.replace(/^\+/, '')).toString();
  return /[.eE]/.test(source) && !/^0x/i.test(source) ? pythonFloat(value) : String(value);
}
