import type { MachineConfig } from '../../domain/machine-config.ts';
import type { TemporalCredential } from '../../domain/temporal-credential.ts';
import type { Secrets } from '../../services/secrets.ts';
import type { Progress } from '../../services/stack-hub/long-running.ts';

/** What a site worker is given once, at its start. */
export interface SiteDependencies {
  /** Path of `site.yml`; read anew at every step. */
  readonly siteFile: string;
  readonly secrets: Secrets;
  /** What is installed on VMs: a tar.gz on this machine, named by its SHA-256, and what a VM runs to install it. */
  readonly bundle: {
    readonly digest: string;
    readonly path: string;
    /** Lines for sh, run as root in the folder to which `<digest>.tar.gz` was downloaded. They hold the VM's private key. */
    install(config: MachineConfig): string;
    /** Lines for sh, run as root on a VM that carries the bundle already: its worker takes the credential up, and goes on. */
    installCredential(credential: TemporalCredential): string;
  };
  /** The step that runs now. Default: Temporal's own context. */
  readonly step?: () => Step;
  readonly now?: () => Date;
}

/** A step's ties to who asked for it. */
export interface Step extends Progress {
  /** The same over all attempts of this step, another for every other step. */
  readonly request: string;
}
