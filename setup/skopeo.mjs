import { onPath } from './system-packages.mjs';

/** What is missing for other people's opinion of our images in tests. */
export function missingSkopeo() {
  const why = 'reads images out of registries, for the tests that ask another program about ours';
  return onPath('skopeo') ? [] : [{ program: 'skopeo', packages: ['skopeo'], why }];
}
