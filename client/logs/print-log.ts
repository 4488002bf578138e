import { once } from 'node:events';
import { StringDecoder } from 'node:string_decoder';

/**
 * Writes a log's bytes. In a pipe they go through as they are; on a terminal, what a script could repaint it with is
 * escaped, but for line ends and tabs.
 */
export function logPrinter(out: NodeJS.WriteStream): (bytes: Buffer) => Promise<void> {
  const decoder = new StringDecoder('utf8');
  return async (bytes) => {
    const flowing = out.write(out.isTTY ? harmless(decoder.write(bytes)) : bytes);
    if (!flowing) await once(out, 'drain');
  };
}

/** A carriage return, as of progress bars, ends a line here. */
export function harmless(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(
      /[^\P{Cc}\n\t]|[\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu,
      (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`,
    );
}
