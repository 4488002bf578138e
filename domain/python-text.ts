/** Numbers as Python’s `str()` writes them: what a script is given by Azure ML. */

export const pythonNumber = (value: number): string =>
  Number.isInteger(value) ? pythonInteger(value) : pythonFloat(value);

export const pythonInteger = (value: number): string => BigInt(value).toString();

/** Python's `repr(float)`: the shortest digits, as JavaScript's; exponents below 1e-4 and from 1e16 on, two digits at least. */
export function pythonFloat(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const size = Math.abs(value);
  if (size >= 1e16 || size < 1e-4) {
    const [digits, exponent = '+0'] = value.toExponential().split('e');
    return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
