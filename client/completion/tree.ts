import type { Argument, Command, Option } from 'commander';

/** One command as a shell needs to know it; `path` is what was typed to get there, `''` for the program itself. */
export interface Node {
  readonly path: string;
  readonly description: string;
  readonly commands: readonly Word[];
  readonly options: readonly (Word & { readonly takesValue: boolean; readonly values: readonly string[] })[];
  /** What the first argument may be, where it is one of few. */
  readonly values: readonly string[];
}

export interface Word {
  readonly name: string;
  readonly description: string;
}

/** The whole tree, so that a completion is never out of date: what is not here cannot be asked. */
export function completionTree(program: Command, path = ''): Node[] {
  const shown = program.commands.filter((command) => !command.name().startsWith('_'));
  const node: Node = {
    path,
    description: program.description(),
    commands: shown.map(word),
    options: [...program.options.filter(({ hidden }) => !hidden).map(option), HELP],
    values: program.registeredArguments[0] ? values(program.registeredArguments[0]) : [],
  };
  return [node, ...shown.flatMap((each) => completionTree(each, `${path} ${each.name()}`.trimStart()))];
}

const HELP = { name: '--help', description: 'display help for command', takesValue: false, values: [] };

const word = (command: Command): Word => ({ name: command.name(), description: command.description() });

function option(given: Option): Node['options'][number] {
  return {
    name: given.long ?? given.short ?? '',
    description: given.description,
    takesValue: given.required || given.optional,
    values: given.argChoices ?? [],
  };
}

const values = (argument: Argument): readonly string[] => argument.argChoices ?? [];
