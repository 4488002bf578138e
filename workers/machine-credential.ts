import { readFile, rename, writeFile } from 'node:fs/promises';
import { MachineConfig } from '../domain/machine-config.ts';
import { newestCredential, TemporalCredential } from '../domain/temporal-credential.ts';

/** Where a VM's own Temporal credential may stand. */
export interface CredentialPlaces {
  /** Root's: what the VM was enrolled with. */
  readonly config: string;
  /** Root's: what it was given after its own had run out. */
  readonly installed: string;
  /** The worker's: what it was renewed to. */
  readonly renewed: string;
}

/** How often the files are read: another worker on this VM, or root, may have written one. */
const READ_EVERY_MS = 5_000;

/** The newest of them. What cannot be read is not there: root may be about to write it. */
export async function readCredential({ config, installed, renewed }: CredentialPlaces) {
  return newestCredential([
    await readJson(config, (value) => MachineConfig.parse(value).temporal.credential),
    await readJson(installed, (value) => TemporalCredential.parse(value)),
    await readJson(renewed, (value) => TemporalCredential.parse(value)),
  ]);
}

async function readJson<T>(path: string, parse: (value: unknown) => T): Promise<T | undefined> {
  try {
    return parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}

/** The credential of a connection that goes on while it changes. */
export class CredentialKeeper {
  readonly #places: CredentialPlaces;
  readonly #use: (token: string) => Promise<void>;
  #used: string | undefined;

  constructor(places: CredentialPlaces, used: string | undefined, use: (token: string) => Promise<void>) {
    this.#places = places;
    this.#used = used;
    this.#use = use;
  }

  /** Kept across restarts, and used at once. One that was issued before the present one is nothing. */
  async take(credential: TemporalCredential): Promise<void> {
    const present = await readCredential(this.#places);
    if (newestCredential([present, credential]) === credential) {
      const { renewed } = this.#places;
      await writeFile(`${renewed}.new`, JSON.stringify(credential), { mode: 0o600 });
      await rename(`${renewed}.new`, renewed);
    }
    await this.refresh();
  }

  async refresh(): Promise<void> {
    const token = (await readCredential(this.#places))?.token;
    if (token === undefined || token === this.#used) return;
    await this.#use(token);
    this.#used = token;
  }

  watch(): void {
    setInterval(() => void this.refresh().catch(() => undefined), READ_EVERY_MS).unref();
  }
}
