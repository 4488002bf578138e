import { isAlias, parseAllDocuments, visit } from 'yaml';

/** One YAML document of plain values: no second document, no alias, no tag but YAML's own for values. */
export function isPlainYaml(text: string): boolean {
  const documents = parseAllDocuments(text, { uniqueKeys: true });
  const [document] = 'empty' in documents ? [] : documents;
  if (!document || documents.length !== 1 || document.errors.length + document.warnings.length > 0) return false;
  let plain = true;
  visit(document, {
    Node: (_, node) => {
      if (isAlias(node) || (node.tag !== undefined && !node.tag.startsWith('tag:yaml.org,2002:'))) plain = false;
      if (node.tag === 'tag:yaml.org,2002:binary') plain = false;
      return plain ? undefined : visit.BREAK;
    },
  });
  return plain;
}
