import type { SealedGrant } from '../domain/grant.ts';
import type { TrainingPlan } from '../domain/training-plan.ts';
import type { MachineKey } from '../domain/virtual-machine.ts';
import { isGrantExpired } from './failure.ts';
import { cloudSteps, GRANT_RENEWALS, siteSteps } from './steps.ts';
import { together } from './together.ts';

/** What the VM may reach for one run: sealed to its key, short, and made anew when it has run out. */
export class Access {
  readonly #make: () => Promise<SealedGrant[]>;
  #grants: SealedGrant[] | undefined;

  constructor(make: () => Promise<SealedGrant[]>) {
    this.#make = make;
  }

  /** The inputs, the code and the site's run container. */
  static toData(plan: TrainingPlan, machineKey: MachineKey): Access {
    return new Access(() =>
      together(
        () => siteSteps().grantData({ plan, machineKey }),
        ...(plan.code ? [() => cloudSteps().grantCode({ plan, machineKey })] : []),
      ),
    );
  }

  /** The container image that is to be the cage's root. */
  static toImage(plan: TrainingPlan, machineKey: MachineKey): Access {
    return new Access(async () => [await siteSteps().grantImage({ plan, machineKey })]);
  }

  async grant(): Promise<SealedGrant[]> {
    this.#grants = await this.#make();
    return this.#grants;
  }

  /** A long step outlives its grants many times; one that finds fresh grants expired has a wrong clock. */
  async do<T>(step: (grants: SealedGrant[]) => Promise<T>): Promise<T> {
    let quick = 0;
    for (;;) {
      const began = Date.now();
      try {
        return await step(this.#grants ?? (await this.grant()));
      } catch (error) {
        if (!isGrantExpired(error)) throw error;
        quick = Date.now() - began < 60_000 ? quick + 1 : 0;
        if (quick > GRANT_RENEWALS) throw error;
        await this.grant();
      }
    }
  }
}
