import { Option } from 'commander';

/** Takes a command's exit code. */
export type Done = (exitCode: number) => void;

export const config = () => new Option('--config <dir>', 'folder that holds client.yml').env('EDGE_TRAIN_CONFIG');
export const json = (what = 'one JSON object') => new Option('--json', what);
export const site = (what = 'the site’s Temporal profile, where it has one of its own') =>
  new Option('--site <name>', what);

/** For an option that may be given again. */
export const collect = (value: string, all: string[]): string[] => [...all, value];

/** The last part of a command's help: what people type. */
export const examples = (...lines: string[]): string =>
  ['', lines.length > 1 ? 'Examples:' : 'Example:', ...lines.map((line) => `  $ edge-train ${line}`)].join('\n');
