import { run } from './process.mjs';

/**
 * Where this machine gets Debian's packages from, as lines of a sources.list for `suite`; undefined where it is no
 * Debian (then mmdebstrap's own default is right). Mirrors are read at every run and are written nowhere.
 * @param {string} suite
 * @returns {Promise<string | undefined>}
 */
export async function debianSources(suite) {
  const format = '$(ORIGIN)|$(CODENAME)|$(REPO_URI)|$(COMPONENT)';
  const listed = await run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']).catch(() => '');
  return sourceLines(listed, suite);
}

/**
 * @param {string} listed lines `origin|codename|URI|component`, as apt prints them
 * @param {string} suite
 */
export function sourceLines(listed, suite) {
  const lines = new Set();
  for (const line of listed.split('\n')) {
    const [origin, codename, uri, component] = line.split('|');
    const pocket = /^[a-z]+(|-updates|-security)$/.exec(codename ?? '')?.[1];
    if (origin === 'Debian' && component === 'main' && pocket !== undefined)
      lines.add(`deb ${uri} ${suite}${pocket} main`);
  }
  return [...lines].some((line) => line.includes(` ${suite} `)) ? `${[...lines].join('\n')}\n` : undefined;
}
