import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * - before: nothing of the request has reached the service.
 * - during: half of the request's body has (or, without one, half of the answer's body has left).
 * - after: the service has committed; the answer has not left.
 * - operation: the asynchronous operation that the request started, before it does its work; a status makes it fail.
 */
export type Moment = 'before' | 'during' | 'after' | 'operation';

export type FaultAction =
  | { status: number; code: string; message?: string; headers?: Record<string, string> }
  | 'drop'
  | 'hold'
  | `delay:${number}`;

export interface FaultOrder {
  /** `METHOD glob`: `*` stands for one path segment or a part of it, `**` for any; case is ignored; method may be `*`. */
  route: string;
  moment: Moment;
  action: FaultAction;
  /** How often it fires; default 1. */
  count?: number;
  /** Only on this front (stack-hub, azure, registry, site-blob, release-blob). */
  front?: string;
  /** How many matching requests pass untouched first; default 0. */
  skip?: number;
  /** `count` and `skip` hold for each METHOD and target (path and query) by itself, and not for all together. */
  each?: boolean;
}

export interface Fault extends Required<Omit<FaultOrder, 'front'>> {
  id: string;
  front: string | null;
  fired: number;
  seen: number;
  /** Requests that stand still now, as `METHOD path`. */
  held: string[];
}

export type Verdict = 'go on' | 'drop' | Exclude<FaultAction, string>;

interface Entry {
  fault: Fault;
  pattern: RegExp;
  waiting: Set<() => void>;
  tallies: Map<string, Tally>;
}

interface Tally {
  fired: number;
  seen: number;
}

/** `target` is the path with the query; without one, the path stands for it. */
interface Met {
  front: string;
  method: string;
  path: string;
  target?: string;
}

/** Entra's clients put one into each token request, tried again or not: it is no part of the target. */
const OWN_ID = /\bclient-request-id=[^&]*/;

export class Faults {
  readonly #entries = new Map<string, Entry>();

  /** @throws Error that says what is wrong with the order */
  add(order: FaultOrder): Fault {
    const pattern = checkedPattern(order);
    const fault: Fault = {
      id: randomUUID(),
      route: order.route,
      moment: order.moment,
      action: order.action,
      count: order.count ?? 1,
      skip: order.skip ?? 0,
      each: order.each ?? false,
      front: order.front ?? null,
      fired: 0,
      seen: 0,
      held: [],
    };
    this.#entries.set(fault.id, { fault, pattern, waiting: new Set(), tallies: new Map() });
    return fault;
  }

  list(): Fault[] {
    return [...this.#entries.values()].map(({ fault }) => fault);
  }

  /** Lets every request go on that this fault holds; later matches still count. False: no such fault. */
  release(id: string): boolean {
    const entry = this.#entries.get(id);
    entry?.waiting.forEach((go) => go());
    return entry !== undefined;
  }

  /** Removes one or all; what was held goes on. */
  remove(id?: string): boolean {
    const ids = id === undefined ? [...this.#entries.keys()] : [id];
    return ids.every((each) => this.release(each) && this.#entries.delete(each));
  }

  /** What is ordered for this request at this moment, after waiting as ordered. At most one fault fires a meeting. */
  async meet(moment: Moment, request: Met): Promise<Verdict> {
    const entry = this.#next(moment, request);
    if (!entry) return 'go on';
    const { action } = entry.fault;
    if (typeof action !== 'string') return action;
    if (action === 'drop') return 'drop';
    if (action === 'hold') await hold(entry, `${request.method} ${request.path}`);
    else await delay(Number(action.slice('delay:'.length)));
    return 'go on';
  }

  #next(moment: Moment, { front, method, path, target = path }: Met): Entry | undefined {
    for (const entry of this.#entries.values()) {
      const { fault, pattern, tallies } = entry;
      if (fault.moment !== moment || (fault.front !== null && fault.front !== front)) continue;
      if (!pattern.test(`${method} ${path}`)) continue;
      const key = fault.each ? `${method} ${target.replace(OWN_ID, '')}` : '';
      const tally = tallies.get(key) ?? { fired: 0, seen: 0 };
      tallies.set(key, tally);
      fault.seen += 1;
      tally.seen += 1;
      if (tally.seen <= fault.skip || tally.fired >= fault.count) continue;
      fault.fired += 1;
      tally.fired += 1;
      return entry;
    }
    return undefined;
  }
}

async function hold({ fault, waiting }: Entry, request: string): Promise<void> {
  fault.held.push(request);
  await new Promise<void>((resolve) => {
    const go = () => {
      waiting.delete(go);
      resolve();
    };
    waiting.add(go);
  });
  fault.held.splice(fault.held.indexOf(request), 1);
}

function checkedPattern(order: FaultOrder): RegExp {
  const known = ['route', 'moment', 'action', 'count', 'front', 'skip', 'each'];
  const stranger = Object.keys(order).find((key) => !known.includes(key));
  if (stranger) throw new Error(`unknown member ${stranger} of a fault; known: ${known.join(', ')}`);
  const route = /^(\*|[A-Z]+) (\/\S*|\*\S*)$/.exec(String(order.route));
  if (!route)
    throw new Error(`route must be 'METHOD /path' with * and ** as wildcards, not ${JSON.stringify(order.route)}`);
  if (!['before', 'during', 'after', 'operation'].includes(order.moment)) {
    throw new Error(`moment must be before, during, after or operation, not ${JSON.stringify(order.moment)}`);
  }
  checkAction(order.action);
  for (const number of [order.count ?? 1, order.skip ?? 0]) {
    if (!Number.isInteger(number) || number < 0) throw new Error('count and skip must be whole numbers');
  }
  if (typeof (order.each ?? false) !== 'boolean') throw new Error('each must be true or false');
  const [, method, path] = route as unknown as [string, string, string];
  const glob = path
    .split(/(\*\*|\*)/)
    .map((part) => (part === '**' ? '.*' : part === '*' ? '[^/]*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')))
    .join('');
  return new RegExp(`^${method === '*' ? '[A-Z]+' : method} ${glob}$`, 'i');
}

function checkAction(action: FaultAction): void {
  const fine =
    typeof action === 'string'
      ? /^(drop|hold|delay:\d+)$/.test(action)
      : Number.isInteger(action?.status) &&
        action.status >= 300 &&
        action.status < 600 &&
        typeof action.code === 'string';
  if (!fine)
    throw new Error(`action must be {status, code}, 'drop', 'hold' or 'delay:<ms>', not ${JSON.stringify(action)}`);
}
