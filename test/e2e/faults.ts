import type { Fault, FaultOrder } from '../../sandbox/server/faults.ts';
import { until } from '../support/until.ts';
import type { Product } from './product.ts';

/** A gate at which a request stands still until it is opened, or until the sandbox's server dies. */
export interface Gate {
  /** Waits until a request stands here. */
  reached(): Promise<void>;
  open(): Promise<void>;
}

/** The sandbox's admin port. */
export function faultsOf({ info }: Pick<Product, 'info'>) {
  const list = async () => (await (await fetch(`${info.admin}/faults`)).json()) as Fault[];
  const order = async (fault: FaultOrder): Promise<string> => {
    const answer = await fetch(`${info.admin}/faults`, { method: 'POST', body: JSON.stringify(fault) });
    if (answer.status !== 201) throw new Error(`the fault was not taken: ${await answer.text()}`);
    return ((await answer.json()) as { id: string }).id;
  };
  const remove = async (id: string) => void (await fetch(`${info.admin}/faults/${id}`, { method: 'DELETE' }));
  return {
    order,
    clear: async () => void (await fetch(`${info.admin}/faults`, { method: 'DELETE' })),
    gate: async (fault: Omit<FaultOrder, 'action'>): Promise<Gate> => {
      const id = await order({ ...fault, action: 'hold' });
      const held = async () => (await list()).some((each) => each.id === id && each.held.length > 0);
      return {
        reached: () => until(`a request at ${fault.route}`, held, 600).then(() => undefined),
        open: () => remove(id),
      };
    },
  };
}

/** Waits for what is reached while this is under way: what ends before it comes to a gate never comes there. */
export async function during(underWay: Promise<object>, reached: Promise<void>): Promise<void> {
  const tooEarly = underWay.then((result) => {
    throw new Error(`it was over before: ${JSON.stringify(result)}`);
  });
  await Promise.race([reached, tooEarly]);
}
