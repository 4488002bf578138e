import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const ROOT = path.join(import.meta.dirname, '../..');

/** A fenced block of a page. */
export interface Block {
  readonly page: string;
  readonly language: string;
  readonly text: string;
}

/** Every fenced block of every page that is ours. */
export function blocks(): Block[] {
  return pages().flatMap((page) =>
    [...readFileSync(path.join(ROOT, page), 'utf8').matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(
      ([, language = '', text = '']) => ({ page, language, text }),
    ),
  );
}

export function pages(): string[] {
  const left = /^(node_modules|\.tools|\.edge-train|\.git)$/;
  const rooms = readdirSync(ROOT, { withFileTypes: true }).filter(({ name }) => !left.test(name));
  return rooms.flatMap((entry) =>
    entry.isDirectory()
      ? readdirSync(path.join(ROOT, entry.name), { recursive: true, encoding: 'utf8' })
          .filter((file) => file.endsWith('.md'))
          .map((file) => path.join(entry.name, file))
      : entry.name.endsWith('.md')
        ? [entry.name]
        : [],
  );
}

/** One program with its arguments, as a shell would start it. */
export interface Invocation {
  readonly page: string;
  readonly words: readonly string[];
}

/** Every program that the pages' `sh` blocks start. */
export function invocations(): Invocation[] {
  return blocks()
    .filter(({ language }) => language === 'sh')
    .flatMap(({ page, text }) => commandsOf(text).map((words) => ({ page, words })));
}

/**
 * Splits a script that a page may hold: words, quotes, comments, joined lines, pipes, lists, redirections, groups. A
 * substitution stays in its word.
 */
export function commandsOf(script: string): string[][] {
  const commands: string[][] = [];
  let words: string[] = [];
  let word: string | undefined;
  const endWord = () => {
    if (word !== undefined) words.push(word);
    word = undefined;
  };
  const endCommand = () => {
    endWord();
    const first = words.findIndex((each) => each !== '{' && !/^[A-Za-z_]\w*=/.test(each));
    const command = first < 0 ? [] : words.slice(first).filter((each) => each !== '}');
    if (command.length > 0) commands.push(command);
    words = [];
  };
  for (let i = 0; i < script.length; i++) {
    const c = script[i] ?? '';
    if (c === '\\' && script[i + 1] === '\n') i++;
    else if (c === "'" || c === '"') {
      const end = closing(script, i, c);
      word = (word ?? '') + script.slice(i + 1, end);
      i = end;
    } else if (c === '#' && word === undefined) {
      while (i + 1 < script.length && script[i + 1] !== '\n') i++;
    } else if (c === '\n' || c === ';' || c === '|' || c === '&') {
      // A line that ends in | goes on with the next.
      endCommand();
    } else if (c === ' ') endWord();
    else if (c === '<' || c === '>') {
      if (/^\d+$/.test(word ?? '')) word = undefined; // a descriptor's number
      endWord();
      while (script[i + 1] === ' ' || script[i + 1] === '>') i++;
      while (i + 1 < script.length && !/[\s;|&<>]/.test(script[i + 1] ?? '')) i++;
    } else word = (word ?? '') + c;
  }
  endCommand();
  return commands;
}

function closing(script: string, from: number, quote: string): number {
  for (let i = from + 1; i < script.length; i++) {
    if (quote === '"' && script[i] === '\\') i++;
    else if (quote === '"' && script.startsWith('$(', i)) i = script.indexOf(')', i);
    else if (script[i] === quote) return i;
  }
  throw new Error(`a quote does not end: ${script.slice(from, from + 60)}`);
}
