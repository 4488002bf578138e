/**
 * 32-bit integers by chance that the same seed repeats: sfc32 of PractRand (C. Doty-Humphrey), whose state is mixed from the
 * seed. For sampling, not for secrets.
 */
export function randomIntegers(seed: number): () => number {
  let [a, b, c, counter] = [seed | 0, Math.floor(seed / 2 ** 32) | 0, 0, 1];
  const next = (): number => {
    const result = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + result;
    return result >>> 0;
  };
  for (let round = 0; round < 15; round++) next();
  return next;
}
