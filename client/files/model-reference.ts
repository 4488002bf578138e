import type { Fault } from '../command-error.ts';
import { shown } from '../../domain/validation.ts';

/** What `MODEL`, `MODEL:VERSION` or `MODEL@ALIAS` names; the schema of what it is for says whether the parts are right. */
export interface ModelReference {
  readonly model: string;
  readonly version?: number;
  readonly alias?: string;
}

/** Splits what was typed. A fault where it is in none of the three forms. */
export function readModelReference(given: string): ModelReference | { readonly fault: Fault } {
  const [, model = '', mark, rest = ''] = /^([^:@]*)(?:([:@])(.*))?$/s.exec(given) ?? [];
  if (mark === undefined) return { model };
  if (mark === '@' && rest !== '') return { model, alias: rest };
  if (mark === ':' && /^[1-9]\d{0,8}$/.test(rest)) return { model, version: Number(rest) };
  const rule = 'must be MODEL, MODEL:VERSION or MODEL@ALIAS, a version a whole number';
  return { fault: { path: 'model', rule, value: shown(given) } };
}
