import type { Node } from './tree.ts';

/** A script for bash: `source <(edge-train completion bash)`. What it does not know is left to bash: files. */
export function bashCompletion(tree: readonly Node[]): string {
  const known = tree.filter(({ path }) => path !== '').map(({ path }) => `'${path}'`);
  const valued = tree.flatMap(({ path, options }) =>
    options
      .filter(({ takesValue }) => takesValue)
      .map(({ name, values }) => ({ key: `'${path} ${name}'`, words: values.join(' ') })),
  );
  const free = valued.filter(({ words }) => words === '').map(({ key }) => key);
  const chosen = valued.filter(({ words }) => words !== '');
  return `# Completion of edge-train for bash: source <(edge-train completion bash)
_edge_train() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} path= words= i next
  for ((i = 1; i < COMP_CWORD; i++)); do
    next="\${path:+$path }\${COMP_WORDS[i]}"
    case "$next" in
      ${known.join('|')}) path=$next ;;
    esac
  done
  COMPREPLY=()
  case "$path $prev" in
    ${free.join('|')}) return ;;
${chosen.map(({ key, words }) => `    ${key}) COMPREPLY=($(compgen -W '${words}' -- "$cur")); return ;;`).join('\n')}
  esac
  case "$path" in
${tree.map(bashCase).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _edge_train edge-train
`;
}

/** Options are offered once a dash is typed. */
function bashCase({ path, commands, options, values }: Node): string {
  const names = [...commands.map(({ name }) => name), ...values].join(' ');
  const flags = options.map(({ name }) => name).join(' ');
  return `    '${path}') if [[ $cur == -* ]]; then words='${flags}'; else words='${names}'; fi ;;`;
}
