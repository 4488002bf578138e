import { readFile } from 'node:fs/promises';
import { failed } from '../command-error.ts';
import { printable } from '../show/text.ts';

/** Asks the server about the rows of a file; one prediction a row. */
export async function score(address: string, sampleFile: string, signal: AbortSignal): Promise<unknown[]> {
  const response = await fetch(`${address}/score`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: await readFile(sampleFile),
    signal: AbortSignal.any([signal, AbortSignal.timeout(60_000)]),
  });
  const body = await response.text();
  if (!response.ok) throw wrongAnswer(`${response.status} ${body.slice(0, 200)}`);
  const predictions: unknown = JSON.parse(body);
  if (!Array.isArray(predictions)) throw wrongAnswer(body.slice(0, 200));
  return predictions;
}

/** The predictions beside what was diagnosed. */
export async function predictionLines(predictions: readonly unknown[], truthFile: string): Promise<string[]> {
  const truth = JSON.parse(await readFile(truthFile, 'utf8')) as string[];
  if (predictions.length !== truth.length)
    throw wrongAnswer(`${predictions.length} predictions for ${truth.length} rows`);
  const right = truth.filter((diagnosis, i) => predictions[i] === diagnosis).length;
  return [
    '  row  predicted  diagnosed',
    ...truth.map((diagnosis, i) => {
      const predicted = printable(String(predictions[i])).padEnd(9);
      return `  ${String(i + 1).padStart(3)}  ${predicted}  ${diagnosis}${predictions[i] === diagnosis ? '' : '   wrong'}`;
    }),
    `  ${right} of ${truth.length} right; the model had not seen these rows`,
  ];
}

function wrongAnswer(what: string) {
  return failed({
    class: 'internal',
    type: 'WrongAnswer',
    cause: `The image answered POST /score with something else than predictions: ${what}`,
    nextStep: 'This is likely a fault of edge-train: report it.',
  });
}
