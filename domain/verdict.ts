import { z } from 'zod';

/** What a file was recognised as, by its content and its name together. */
export const Format = z.enum([
  'json',
  'yaml',
  'requirements',
  'python',
  'png',
  'safetensors',
  'onnx',
  'pickle',
  'joblib',
  'torch',
  'skops',
  'lightgbm',
  'xgboost',
  'empty',
  'unknown',
]);
export type Format = z.infer<typeof Format>;

/** Fixed words: nothing of a file, and no name that a script chose, is in a reason. What each means is in `REASONS`. */
export const Reason = z.enum([
  'pickle',
  'stores-rows',
  'more-than-parameters',
  'example-rows',
  'identifier-of-input',
  'row-of-input',
  'numbers-of-input',
  'piece-of-input',
  'packed-too-much',
  'unknown-format',
  'name-and-content-differ',
  'not-whole',
  'trailing-bytes',
  'archive',
  'not-a-plain-file',
  'sparse',
  'too-large-to-read',
]);
export type Reason = z.infer<typeof Reason>;

/** How a file leaves: written anew by the gate from what it found in the one that stays, or as the script left it. */
export const Form = z.discriminatedUnion('written', [
  /** `before`: bytes of the file that stays. */
  z.strictObject({ written: z.literal('anew'), before: z.int().min(0) }),
  z.strictObject({ written: z.literal('as it was') }),
]);
export type Form = z.infer<typeof Form>;

/** What the gate on the VM made of one file: `unsure` needs a person’s word, `refuse` has none. */
export const Verdict = z.strictObject({
  path: z.string(),
  format: Format,
  verdict: z.enum(['pass', 'unsure', 'refuse']),
  reasons: z.array(Reason),
  /** Older gates wrote nothing anew. */
  form: Form.optional(),
});
export type Verdict = z.infer<typeof Verdict>;

/** For people, by reason; each reads on from “N files”. */
export const REASONS: Readonly<Record<Reason, { verdict: 'unsure' | 'refuse'; text: string }>> = {
  pickle: unsure('can run code where they are loaded, and may hold rows of data (pickle, joblib, torch)'),
  'example-rows': unsure('hold an example of the input, which may be a row of the data'),
  'stores-rows': unsure('name a class whose objects hold rows of what they were trained on'),
  'more-than-parameters': unsure('hold far more bytes than their parameters need'),
  'identifier-of-input': refuse('hold an identifier or a text that is in one row of the inputs'),
  'row-of-input': refuse('hold a part of a row of the inputs'),
  'numbers-of-input': refuse('hold numbers of the inputs in their order'),
  'piece-of-input': refuse('hold a piece of a file of the inputs'),
  'packed-too-much': refuse('have more packed in them than is looked through'),
  'unknown-format': refuse('are of no format that may leave'),
  'name-and-content-differ': refuse('are something else than their names say'),
  'not-whole': refuse('are not what a whole file of their format is'),
  'trailing-bytes': refuse('hold bytes that do not belong to their format'),
  archive: refuse('are archives, or compressed'),
  'not-a-plain-file': refuse('have a second name (a hard link)'),
  sparse: refuse('are sparse'),
  'too-large-to-read': refuse('are too large for a file of their format to be read'),
};

/** What is not written again, by format. */
const DROPPED: Partial<Record<Format, string>> = {
  json: 'space, second spellings',
  yaml: 'comments, space',
  requirements: 'comments, space',
  png: 'texts, times, colour profiles, second spellings',
  safetensors: 'metadata, order',
  onnx: 'documentation, metadata, producer, hints',
  skops: 'times, order, padding, compression',
};

/** For people, of a file of so many bytes: `written anew: 20 of 1183 bytes dropped (documentation, …)`. */
export function formText({ format, form }: Pick<Verdict, 'format' | 'form'>, bytes: number): string {
  if (!form) return '';
  if (form.written === 'as it was') return 'as it was: this format cannot be written anew';
  const what = DROPPED[format] ?? 'what carries nothing';
  const dropped = form.before - bytes;
  return dropped > 0 ? `written anew: ${dropped} of ${form.before} bytes dropped (${what})` : `written anew (${what})`;
}

/** The verdict that these reasons make: the worst one’s. */
export function verdictOf(path: string, format: Format, reasons: readonly Reason[], form?: Form): Verdict {
  const verdicts = reasons.map((reason) => REASONS[reason].verdict);
  const verdict = verdicts.includes('refuse') ? 'refuse' : verdicts.includes('unsure') ? 'unsure' : 'pass';
  return { path, format, verdict, reasons: [...new Set(reasons)].sort(), ...(form ? { form } : {}) };
}

function unsure(text: string) {
  return { verdict: 'unsure', text } as const;
}

function refuse(text: string) {
  return { verdict: 'refuse', text } as const;
}
