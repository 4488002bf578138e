import { isMap, isNode, isScalar, type Document } from 'yaml';

/** Where a command job holds literals, which Azure ML turns into Python's `str(value)`. */
const PLACES = ['inputs', 'environment_variables', 'tags'] as const;

/**
 * JSON has one kind of number, so `1.0` would reach the script as `1` and a long integer changed. Where Python writes a
 * number of the file otherwise than JavaScript does, this puts Python's text in its place. Changes the document.
 */
export function keepPythonLiterals(document: Document): void {
  for (const place of PLACES) {
    const map: unknown = document.get(place, true);
    if (!isMap(map)) continue;
    for (const { value: node } of map.items) {
      if (!isNode(node) || !isScalar(node) || typeof node.value !== 'number' || node.anchor) continue;
      const text = pythonText(node.value, node.source ?? String(node.value));
      if (text !== String(node.value)) node.value = text;
    }
  }
}

function pythonText(value: number, source: string): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value < 0 ? '-inf' : 'inf';
  if (/^[-+]?\d+$/.test(source)) return BigInt(source.replace(/^\+/, '')).toString();
  return /[.eE]/.test(source) && !/^0x/i.test(source) ? pythonFloat(value) : String(value);
}

/** Python's `repr(float)`: the shortest digits, as JavaScript's; exponents below 1e-4 and from 1e16 on, two digits at least. */
function pythonFloat(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const size = Math.abs(value);
  if (size >= 1e16 || size < 1e-4) {
    const [digits, exponent = '+0'] = value.toExponential().split('e');
    return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
