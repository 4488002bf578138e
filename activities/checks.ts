import type { Check } from '../domain/check.ts';
import { toServiceError } from '../services/errors.ts';

/** A check's work: returns its detail, with advice where there is some; throws what is at fault. */
export interface CheckWork {
  readonly name: string;
  look(): Promise<string | { readonly detail: string; readonly advice: string }>;
}

const LIMIT_MS = 20_000;
/** Shorter, so that what a check needs is told to be at fault by its own check and not by this one. */
const NEED_LIMIT_MS = 12_000;

/** Runs checks that know nothing of each other: each ends in time, whatever the others do. Never throws. */
export async function runChecks(where: string, works: readonly CheckWork[]): Promise<Check[]> {
  return Promise.all(works.map((work) => runCheck(where, work)));
}

async function runCheck(where: string, { name, look }: CheckWork): Promise<Check> {
  try {
    const seen = await within(LIMIT_MS, look());
    if (typeof seen === 'string') return { where, name, state: 'ok', detail: seen };
    return { where, name, state: 'ok', detail: seen.detail, fix: seen.advice };
  } catch (error) {
    if (error instanceof NotChecked) return { where, name, state: 'unknown', detail: error.message };
    const { message, nextStep } = toServiceError(error, name);
    return { where, name, state: 'fault', detail: message, fix: nextStep };
  }
}

/** Why a check was not made. */
export class NotChecked extends Error {}

/** What a check cannot do without. Where it fails, its own check tells, and this one is not made. */
export async function needs<T>(what: string, needed: Promise<T>): Promise<T> {
  try {
    return await within(NEED_LIMIT_MS, needed);
  } catch {
    throw new NotChecked(`not checked: it needs ${what}`);
  }
}

/** Asked for by many, done once. */
export function once<T>(work: () => Promise<T>): () => Promise<T> {
  let done: Promise<T> | undefined;
  return () => (done ??= work());
}

async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = Object.assign(new Error(`no answer within ${milliseconds / 1000} s`), { code: 'ETIMEDOUT' });
    timer = setTimeout(() => reject(error), milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
