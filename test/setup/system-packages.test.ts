import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { sourceLines } from '../../setup/debian-sources.mjs';
import { obstacle, onPath } from '../../setup/system-packages.mjs';
import { root, scratchFolder } from './scratch.ts';
import { start } from './program.ts';

const missing = [
  { program: 'dockerd', packages: ['docker.io'], why: 'containers' },
  { program: 'mmdebstrap', packages: ['mmdebstrap', 'debian-archive-keyring'], why: 'images' },
];
const debian = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n';
const ubuntu = 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n';
const mint = 'ID=linuxmint\nID_LIKE="ubuntu debian"\n';
const fedora = 'NAME="Fedora Linux"\nID=fedora\n';

test('as root on Debian, Ubuntu and what is like them, nothing stands in the way', () => {
  for (const osRelease of [debian, ubuntu, mint]) assert.equal(obstacle(missing, { uid: 0, osRelease }), undefined);
});

test('as anybody else there, one line says the exact command', () => {
  for (const osRelease of [debian, ubuntu, mint]) {
    assert.equal(
      obstacle(missing, { uid: 1000, osRelease }),
      'missing: dockerd, mmdebstrap. Run: sudo apt-get install -y --no-install-recommends docker.io mmdebstrap debian-archive-keyring',
    );
  }
});

test('on a system that is not known, one line says what is missing, root or not', () => {
  for (const uid of [0, 1000]) {
    for (const osRelease of [fedora, '', 'ID=notdebianish\n']) {
      const problem = obstacle(missing, { uid, osRelease });
      assert.match(problem ?? '', /^missing: dockerd, mmdebstrap\. Install them with this system's package manager/);
      assert.match(problem ?? '', /docker\.io mmdebstrap debian-archive-keyring$/);
    }
  }
});

test('a set-up that may not install ends with status 3 and one line', async () => {
  const script = `
    import { SetupProblem } from '${root}/setup/problem.mjs';
    import { tell } from '${root}/setup/tell.mjs';
    process.exitCode = tell(new SetupProblem('missing: dockerd. Run: sudo apt-get install -y docker.io'));`;
  const { code, output } = await start(process.execPath, ['--input-type=module', '-e', script]).ended;
  assert.equal(code, 3);
  assert.equal(output, 'edge-train: missing: dockerd. Run: sudo apt-get install -y docker.io\n');
});

test('a program is found on the PATH and nowhere else', () => {
  const folder = scratchFolder();
  writeFileSync(path.join(folder, 'no-such-program-elsewhere'), '#!/bin/sh\n');
  chmodSync(path.join(folder, 'no-such-program-elsewhere'), 0o755);
  assert.equal(onPath('no-such-program-elsewhere', `/nowhere:${folder}`), true);
  assert.equal(onPath('no-such-program-elsewhere', '/nowhere'), false);
});

test('the machine’s Debian mirrors serve the images, also from a newer Debian; others do not', () => {
  const listed = [
    'Debian|bookworm|http://mirror.example/debian/|main|x',
    'Debian|bookworm-updates|http://mirror.example/debian/|main|x',
    'Debian|bookworm-security|http://mirror.example/debian-security/|main|x',
    'Debian|bookworm|http://mirror.example/debian/|non-free|x',
    'Cloud|sdk|http://other.example/apt|main|x',
    '',
  ].join('\n');
  const expected =
    'deb http://mirror.example/debian/ bookworm main\n' +
    'deb http://mirror.example/debian/ bookworm-updates main\n' +
    'deb http://mirror.example/debian-security/ bookworm-security main\n';
  assert.equal(sourceLines(listed, 'bookworm'), expected);
  assert.equal(sourceLines(listed.replaceAll('bookworm', 'trixie'), 'bookworm'), expected);
  assert.equal(sourceLines('Ubuntu|noble|http://mirror.example/ubuntu/|main|x\n', 'bookworm'), undefined);
  assert.equal(sourceLines('', 'bookworm'), undefined);
});
