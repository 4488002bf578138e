import { SiteName } from '../domain/resource-names.ts';
import { parse } from '../domain/validation.ts';
import { refused } from './command-error.ts';
import { readClientFile } from './config/client-file.ts';

/** The site that is named by `option`; else the only one of client.yml. @throws CommandError exit 2 */
export async function chooseSite(
  folder: string,
  named: string | undefined,
  { option = '--site', nextStep }: { option?: string; nextStep: string },
): Promise<string> {
  if (named !== undefined) {
    const parsed = parse(SiteName, named);
    if (parsed.ok) return parsed.value;
    throw refused(
      'There is no such site.',
      parsed.issues.map((issue) => ({ ...issue, path: option })),
      nextStep,
    );
  }
  const [only, ...others] = Object.keys((await readClientFile(folder)).sites);
  if (only !== undefined && others.length === 0) return only;
  const rule =
    only === undefined ? 'is required: client.yml names no site' : `is required: ${[only, ...others].join(', ')}`;
  throw refused('Which site is meant?', [{ path: option, rule }], nextStep);
}
