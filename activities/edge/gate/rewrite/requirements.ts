/** The lines that pip acts on, in their order, without comments and space around them. */
export function plainRequirements(text: string): Iterable<Buffer> {
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter((line) => line !== '');
  return [Buffer.from(lines.map((line) => `${line}\n`).join(''))];
}
