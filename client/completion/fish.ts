import type { Node } from './tree.ts';

/** A script for fish: `edge-train completion fish > ~/.config/fish/completions/edge-train.fish`. */
export function fishCompletion(tree: readonly Node[]): string {
  const known = tree.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
  return `# Completion of edge-train for fish: edge-train completion fish > ~/.config/fish/completions/edge-train.fish
function __edge_train_at
    set -l path ''
    for word in (commandline -opc)[2..]
        set -l next (string trim -- "$path $word")
        contains -- $next ${known.join(' ')}; and set path $next
    end
    test "$path" = "$argv"
end
${tree.flatMap(fishLines).join('\n')}
`;
}

function fishLines({ path, commands, options, values }: Node): string[] {
  const at = `complete -c edge-train -n ${quoted(`__edge_train_at ${path}`.trimEnd())}`;
  return [
    ...commands.map(({ name, description }) => `${at} -f -a ${quoted(name)} -d ${quoted(description)}`),
    ...(values.length > 0 ? [`${at} -f -a ${quoted(values.join(' '))}`] : []),
    ...options.map(({ name, description, takesValue, values: choices }) => {
      const value = choices.length > 0 ? ` -x -a ${quoted(choices.join(' '))}` : takesValue ? ' -r' : '';
      return `${at} -l ${name.replace(/^--/, '')}${value} -d ${quoted(description)}`;
    }),
  ];
}

const quoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`;
