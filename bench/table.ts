/** Machines are noisy: a figure is its least, its median and its most. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? NaN;
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? at(middle) : (at(middle - 1) + at(middle)) / 2;
  return { min: at(0), median, max: at(sorted.length - 1) };
}

/** An empty line, a title of up to 24 letters, and a line for each figure of some samples. */
export function printFigures<S>(
  title: string,
  samples: readonly S[],
  figures: Readonly<Record<string, (sample: S) => number>>,
): void {
  console.log(`\n${title.padEnd(24)}      min   median      max`);
  for (const [name, pick] of Object.entries(figures)) console.log(row(name, spread(samples.map(pick))));
}

export const row = (name: string, { min, median, max }: Spread): string =>
  [name.padEnd(24), ...[min, median, max].map((value) => value.toFixed(2).padStart(8))].join(' ');

export async function timed<T>(work: () => Promise<T>): Promise<{ value: T; seconds: number }> {
  const begun = process.hrtime.bigint();
  const value = await work();
  return { value, seconds: Number(process.hrtime.bigint() - begun) / 1e9 };
}
