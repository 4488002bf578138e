import { baseImage, servingImage, vmImage } from './base-image.mjs';
import { missingChromium } from './chromium.mjs';
import { missingDocker } from './docker.mjs';
import { withLock } from './lock.mjs';
import { missingMmdebstrap } from './mmdebstrap.mjs';
import { node24 } from './node.mjs';
import { npmPackages } from './npm-packages.mjs';
import { install, isInstalled } from './part.mjs';
import { root, tools } from './paths.mjs';
import { missingPython } from './python.mjs';
import { missingRegistry, quietRegistry } from './registry.mjs';
import { registryTools } from './registry-tools.mjs';
import { installSystemPrograms } from './system-packages.mjs';
import { missingSkopeo } from './skopeo.mjs';
import { sshAudit } from './ssh-audit.mjs';
import { temporal } from './temporal.mjs';
import { temporalServer } from './temporal-server.mjs';
import { uv } from './uv.mjs';

/** What only tests need, and what only those need that take long. */
const forTests = [sshAudit()];
const forLongTests = [registryTools(), temporalServer()];

/** The parts in the order that each chain needs; the chains do not need one another. */
const chains = [
  [node24(), npmPackages(root)],
  [temporal(), uv(), ...forTests, ...forLongTests],
  [baseImage(vmImage), baseImage(servingImage)],
];

/**
 * Brings what is missing, and says what and why before it does. With nothing missing it says nothing and takes well
 * under a second. May be run twice, at once too, and interrupted at any moment.
 * @param {{ tests?: Tests, log: (line: string) => void }} options `tests`: what only these need, too
 */
export async function setUp({ tests, log }) {
  if (isComplete(await findMissing(tests))) return;
  const waiting = () => log('Another set-up of this clone is at work; waiting for it.');
  await withLock(root, async () => bring(await findMissing(tests), log), waiting);
}

/** @typedef {'all' | 'long'} Tests */
/** @typedef {{ programs: import('./system-packages.mjs').SystemProgram[], parts: import('./part.mjs').Part[] }} Missing */

/**
 * @param {Tests} [tests]
 * @returns {Promise<Missing>}
 */
async function findMissing(tests) {
  const left = [...(tests === 'all' ? [] : forTests), ...(tests === 'long' ? [] : forLongTests)];
  const wanted = chains.flat().filter((part) => !left.includes(part));
  const there = await Promise.all(wanted.map(async (part) => ({ part, ok: await isInstalled(part, tools) })));
  const parts = there.filter(({ ok }) => !ok).map(({ part }) => part);
  /** @param {string} program */
  const needed = (program) => parts.some((part) => part.programs?.includes(program));
  const programs = [
    ...(await missingDocker()),
    ...missingRegistry(),
    ...(needed('mmdebstrap') ? missingMmdebstrap() : []),
    ...(needed('python3') ? await missingPython() : []),
    ...(tests === 'all' ? [...missingChromium(), ...missingSkopeo()] : []),
  ];
  return { programs, parts };
}

/** @param {Missing} missing */
function isComplete({ programs, parts }) {
  return programs.length === 0 && parts.length === 0;
}

/** @param {Missing} missing @param {(line: string) => void} log */
async function bring(missing, log) {
  if (isComplete(missing)) return;
  announce(missing, log);
  const { programs, parts } = missing;
  if (programs.length > 0) {
    await timed('system packages', log, () => installSystemPrograms(programs));
    if (programs.some(({ program }) => program === 'docker-registry')) await quietRegistry();
  }
  const ends = await Promise.allSettled(
    chains.map(async (chain) => {
      for (const part of chain.filter((one) => parts.includes(one))) {
        await timed(part.name, log, () => install(part, tools));
      }
    }),
  );
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

/** @param {Missing} missing @param {(line: string) => void} log */
function announce({ programs, parts }, log) {
  log(`Set-up brings what is missing (system packages with apt-get, everything else into ${tools}):`);
  for (const { packages, why } of programs) log(`  ${packages.join(', ')}: ${why} (apt-get)`);
  for (const { name, why, from } of parts) log(`  ${name}: ${why} (${from})`);
}

/** @param {string} name @param {(line: string) => void} log @param {() => Promise<void>} work */
async function timed(name, log, work) {
  const begun = Date.now();
  try {
    await work();
    log(`  done: ${name}, ${((Date.now() - begun) / 1000).toFixed(1)} s`);
  } catch (error) {
    log(`  failed: ${name}`);
    throw error;
  }
}
