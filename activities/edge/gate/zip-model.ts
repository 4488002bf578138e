import type { ByteSource } from './byte-source.ts';
import { npyFault } from './npy.ts';
import { pickleEnd } from './pickle.ts';
import { jsonFault } from './text.ts';
import { readZip } from './zip.ts';

/** A zip file that is a model of PyTorch’s or of skops’s, with each member what it must be; undefined for any other. */
export async function zipModel(source: ByteSource): Promise<'torch' | 'skops' | undefined> {
  const members = await readZip(source);
  if (!members) return undefined;
  const format = members.some(({ name }) => name === 'schema.json') ? 'skops' : 'torch';
  const kinds = format === 'skops' ? SKOPS : TORCH;
  for (const member of members) {
    const kind = kinds.find(({ name }) => name.test(member.name));
    const content = kind && (await member.open());
    if (!content || !(await kind.isWhole(content))) return undefined;
  }
  return members.some(({ name }) => REQUIRED[format].test(name)) ? format : undefined;
}

const REQUIRED = { skops: /^schema\.json$/, torch: /^[\w.-]+\/data\.pkl$/ };

interface Kind {
  readonly name: RegExp;
  isWhole(content: ByteSource): Promise<boolean>;
}

const SKOPS: Kind[] = [
  { name: /^schema\.json$/, isWhole: async (content) => (await jsonFault(content)) === undefined },
  { name: /^[\w-]+\.npy$/, isWhole: async (content) => (await npyFault(content)) === undefined },
];

const small = async ({ bytes }: ByteSource) => bytes <= 64;
/** PyTorch, caffe2/serialize/inline_container.h. */
const TORCH: Kind[] = [
  { name: /^[\w.-]+\/data\.pkl$/, isWhole: async (content) => (await pickleEnd(content)) === content.bytes },
  { name: /^[\w.-]+\/data\/\d+$/, isWhole: async () => true },
  {
    name: /^[\w.-]+\/(version|byteorder|\.format_version|\.storage_alignment|\.data\/serialization_id)$/,
    isWhole: small,
  },
];
