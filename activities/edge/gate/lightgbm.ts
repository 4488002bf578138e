import type { Fault } from './finding.ts';
import { textFault } from './text.ts';
import type { ByteSource } from './byte-source.ts';

/** Undefined for a model of LightGBM’s own text, from its first word to its last line (LightGBM, gbdt_model_text.cpp). */
export const lightgbmFault = (source: ByteSource): Promise<Fault | undefined> => textFault(source, isModel);

/** Its parts in their order, each with what its lines may be. */
const HEAD =
  /^(?:tree|version=v\d{1,3}|average_output|objective=[\w .:-]{1,200}|(?:feature_names|monotone_constraints)=.*|feature_infos=[\w.:+[\] -]*|(?:num_class|num_tree_per_iteration|label_index|max_feature_idx)=\d{1,9}|tree_sizes=[\d ]*)$/;
const TREE = /^(?:Tree=\d{1,9}|[a-z_]{1,40}=[\d.eE+ infa-]*)$/;
const IMPORTANCE = /^[^=\n]{1,300}=[\d.eE+-]{1,40}$/;
const PARAMETER = /^\[[a-z_\d]{1,60}: [^\n]{0,2000}\]$/;
const CATEGORIES = /^pandas_categorical:(?:null|\[.*\])$/;

function isModel(text: string): boolean {
  const lines = text.split('\n');
  if (lines[0] !== 'tree') return false;
  let part: RegExp[] = [HEAD];
  let [trees, ended] = [0, false];
  for (const line of lines) {
    if (line === '') continue;
    if (line.startsWith('Tree=') && part.includes(HEAD)) part = [TREE];
    if (line.startsWith('Tree=')) trees += 1;
    if (line === 'end of trees') part = MARKS.get(line) ?? [];
    const next = MARKS.get(line);
    if (next) part = next;
    else if (!part.some((each) => each.test(line))) return false;
    ended ||= line === 'end of trees';
  }
  return trees > 0 && ended;
}

/** What stands between parts, and what may follow. */
const MARKS = new Map<string, RegExp[]>([
  ['end of trees', [CATEGORIES]],
  ['feature_importances:', [IMPORTANCE, CATEGORIES]],
  ['parameters:', [PARAMETER]],
  ['end of parameters', [CATEGORIES]],
]);
