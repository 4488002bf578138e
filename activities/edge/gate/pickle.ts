import type { ByteSource } from './byte-source.ts';

/**
 * Walks a pickle’s opcodes, protocols 0 to 5 (CPython, Lib/pickletools.py), and never loads it: nothing of it runs.
 * The offset behind its STOP; undefined where it is none, or breaks off.
 */
export async function pickleEnd(source: ByteSource): Promise<number | undefined> {
  const stack = new Stack();
  let at = 0;
  for (;;) {
    const window = await source.read(at, WINDOW);
    let used = 0;
    while (used < window.length) {
      const code = window[used] as number;
      const length = lengthOf(code, window, used + 1);
      if (length === undefined) break;
      if (length < 0 || at + used + 1 + length > source.bytes || !stack.take(code)) return undefined;
      used += 1 + length;
      if (code === STOP) return stack.depth > 0 ? at + used : undefined;
    }
    if (used === 0 || at + used >= source.bytes) return undefined;
    at += used;
  }
}

const WINDOW = 2 ** 18;
const STOP = 0x2e;

/** Bytes behind an opcode, by what they are: so many, as many as are told in so many, or so many lines. */
interface Argument {
  readonly fixed?: number;
  readonly counted?: 1 | 4 | 8;
  readonly lines?: 1 | 2;
}

const ARGUMENTS = new Map<number, Argument>();
const add = (codes: string, argument: Argument) => {
  for (const code of codes) ARGUMENTS.set(code.charCodeAt(0), argument);
};
add('(.012NQRabd}elo])stu\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94\x97\x98', { fixed: 0 });
add('Khq\x80\x82', { fixed: 1 });
add('M\x83', { fixed: 2 });
add('Jjr\x84', { fixed: 4 });
add('G\x95', { fixed: 8 });
add('UC\x8a\x8c', { counted: 1 });
add('TXB\x8b', { counted: 4 });
add('\x8d\x8e\x96', { counted: 8 });
add('FILPSVgp', { lines: 1 });
add('ci', { lines: 2 });

/** -1 where it is no opcode; undefined where the window ends too early to tell. */
function lengthOf(code: number, window: Buffer, from: number): number | undefined {
  const argument = ARGUMENTS.get(code);
  if (!argument) return -1;
  if (argument.fixed !== undefined) return argument.fixed;
  if (argument.counted !== undefined) {
    if (from + argument.counted > window.length) return undefined;
    if (argument.counted === 1) return 1 + (window[from] as number);
    if (argument.counted === 4) return 4 + window.readUInt32LE(from);
    return 8 + window.readUInt32LE(from) + window.readUInt32LE(from + 4) * 2 ** 32;
  }
  let end = from - 1;
  for (let line = 0; line < (argument.lines ?? 1); line += 1) {
    end = window.indexOf(0x0a, end + 1);
    // A line that fills the window is no line of a pickle.
    if (end === -1) return from > 1 ? undefined : -1;
  }
  return end + 1 - from;
}

/** How deep the stack is, so that a text that is made of opcodes by chance is not taken for a pickle. */
class Stack {
  depth = 0;
  readonly #marks: number[] = [];

  /** Whether an opcode finds on the stack what it takes. */
  take(code: number): boolean {
    const op = String.fromCharCode(code);
    if (op === '(') this.#marks.push(this.depth);
    else if ('1tldo\x90\x91iue'.includes(op)) return this.#toMark(op);
    else this.depth += EFFECT.get(op) ?? 0;
    return this.depth >= (NEEDS.get(op) ?? 0) && this.depth >= (this.#marks.at(-1) ?? 0);
  }

  #toMark(op: string): boolean {
    const mark = this.#marks.pop();
    if (mark === undefined) return false;
    this.depth = mark + ('tldo\x91i'.includes(op) ? 1 : 0);
    return op === '1' || this.depth > 0;
  }
}

/** What opcodes add to the stack, and the depth that must be there afterwards. */
const EFFECT = new Map<string, number>([
  ...[...'2FIJKLMNPSTUVXBCG)]}cghj\x82\x83\x84\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x96\x97'].map((op) => [op, 1] as const),
  ...[...'0aRb\x81\x93\x86'].map((op) => [op, -1] as const),
  ...[...'s\x87\x92'].map((op) => [op, -2] as const),
]);
const NEEDS = new Map<string, number>([...'abRs\x81\x85\x86\x87\x92\x93qrp\x94\x98Q'].map((op) => [op, 1]));
