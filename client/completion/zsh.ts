import type { Node, Word } from './tree.ts';

/** A script for zsh: in a folder of `$fpath` as `_edge-train`, or `source <(edge-train completion zsh)`. */
export function zshCompletion(tree: readonly Node[]): string {
  const known = tree.filter(({ path }) => path !== '').map(({ path }) => `'${path}'`);
  const valued = tree.flatMap(({ path, options }) =>
    options
      .filter(({ takesValue }) => takesValue)
      .map(({ name, values }) => {
        const what = values.length > 0 ? `compadd -- ${values.join(' ')}` : '_files';
        return `    '${path} ${name}') ${what}; return ;;`;
      }),
  );
  return `#compdef edge-train
# Completion of edge-train for zsh: source <(edge-train completion zsh)
_edge_train() {
  local cmd= i next
  local -a offers
  for ((i = 2; i < CURRENT; i++)); do
    next="\${cmd:+$cmd }\${words[i]}"
    case "$next" in
      ${known.join('|')}) cmd=$next ;;
    esac
  done
  case "$cmd \${words[CURRENT-1]}" in
${valued.join('\n')}
  esac
  case "$cmd" in
${tree.map(zshCase).join('\n')}
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _edge_train "$@"; else compdef _edge_train edge-train; fi
`;
}

function zshCase({ path, commands, options, values }: Node): string {
  const names = [...commands, ...values.map((name) => ({ name, description: '' }))];
  const rest = names.length > 0 ? `offers=(${names.map(offer).join(' ')}); _describe command offers` : '_files';
  const flags = `offers=(${options.map(offer).join(' ')}); _describe option offers`;
  return `    '${path}') if [[ $words[CURRENT] == -* ]]; then ${flags}; else ${rest}; fi ;;`;
}

const offer = ({ name, description }: Word): string =>
  `'${`${name.replaceAll(':', '\\:')}:${description}`.replaceAll("'", "'\\''")}'`;
