import { readFile } from 'node:fs/promises';
import { count } from '../../domain/amount-text.ts';
import { failed } from '../command-error.ts';
import { printable } from '../show/text.ts';
import { PORT } from './serve.ts';

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
    `  ${count(truth.length, 'patient')} whom the model has not seen (M: malignant, B: benign)`,
    '  patient  predicted  diagnosed',
    ...truth.map((diagnosis, i) => {
      const predicted = printable(String(predictions[i])).padEnd(9);
      const verdict = predictions[i] === diagnosis ? 'right' : 'wrong';
      return `  ${String(i + 1).padStart(7)}  ${predicted}  ${diagnosis.padEnd(9)}  ${verdict}`;
    }),
    `  ${right} of ${truth.length} right`,
  ];
}

/** The line by which a person asks the image that `servingCommand` runs. */
export function scoringCommand(sampleFile: string): string {
  return `curl -H 'content-type: application/json' --data @${sampleFile} http://127.0.0.1:${PORT}/score`;
}

function wrongAnswer(what: string) {
  return failed({
    class: 'internal',
    type: 'WrongAnswer',
    cause: `The image answered POST /score with something else than predictions: ${what}`,
    nextStep: 'This is likely a fault of edge-train: report it.',
  });
}
