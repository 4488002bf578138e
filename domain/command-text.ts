/**
 * The text of a job's command: `${{inputs.x}}`, `${{outputs.y}}` and, in a sweep, `${{search_space.z}}` stand for values, with
 * or without spaces, and `$[[ … ]]` is a part that goes when an input in it is not given.
 */

/** Azure ML turns every literal into Python's `str(value)`. */
export function literalText(value: string | number | boolean): string {
  return typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value);
}

const PLACEHOLDER = /\$\{\{\s*(inputs|outputs|search_space)\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}/g;
const OPTIONAL = /\$\[\[([\s\S]*?)\]\]/g;

/** What a command names. `inputs` are those that it needs: those of `$[[ … ]]` may be missing. */
export interface Placeholders {
  readonly inputs: string[];
  readonly outputs: string[];
  readonly parameters: string[];
  /** Any `${{ … }}` that is none of these. */
  readonly unknown: string[];
}

export function placeholders(command: string): Placeholders {
  const found = [...command.matchAll(PLACEHOLDER)];
  const known = new Set(found.map((match) => match[0]));
  const all = [...command.matchAll(/\$\{\{[^}]*\}\}?/g)].map((match) => match[0]);
  const names = (text: string, kind: string) =>
    [...text.matchAll(PLACEHOLDER)].filter((match) => match[1] === kind).map((match) => match[2] ?? '');
  return {
    inputs: names(command.replaceAll(OPTIONAL, ' '), 'inputs'),
    outputs: names(command, 'outputs'),
    parameters: names(command, 'search_space'),
    unknown: all.filter((item) => !known.has(item)),
  };
}

type Values = Readonly<Record<string, string>>;

/** Puts values in the place of what a command names, as Azure ML does: as text, unquoted. */
export function fillCommand(
  command: string,
  {
    inputs,
    outputs,
    parameters = {},
  }: { readonly inputs: Values; readonly outputs: Values; readonly parameters?: Values },
): string {
  const values = { inputs, outputs, search_space: parameters };
  const isGiven = (kind: string, name: string) => kind !== 'inputs' || Object.hasOwn(inputs, name);
  return command
    .replaceAll(OPTIONAL, (_, part: string) =>
      [...part.matchAll(PLACEHOLDER)].every(([, kind = '', name = '']) => isGiven(kind, name)) ? part : '',
    )
    .replaceAll(PLACEHOLDER, (whole, kind: keyof typeof values, key: string) => values[kind][key] ?? whole);
}
