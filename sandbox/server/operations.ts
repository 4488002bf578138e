import { randomUUID } from 'node:crypto';
import type { OutgoingHttpHeaders } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { armError, Failure, internalFailure } from './errors.ts';
import { json, type Reply } from './front.ts';
import type { Faults } from './faults.ts';
import type { Change, Store } from './store.ts';

/** An accepted asynchronous operation. It is in the store before it is answered, and ends even if the server dies. */
export interface Operation {
  id: string;
  kind: string;
  front: string;
  /** Id of the resource it works on, lower case. */
  target: string;
  /** The request that started it; faults of the moment `operation` match it. */
  method: string;
  path: string;
  /** What the kind needs to do, and after a restart to do again, its work. */
  input: unknown;
  status: 'InProgress' | 'Succeeded' | 'Failed';
  startTime: string;
  endTime?: string;
  error?: { status: number; code: string; message: string; details: { code: string; message: string }[] };
}

/** How one kind of operation is done. `run` may be called again after a restart: it must be idempotent. */
export interface OperationKind {
  /** Returns what is committed together with the success. @throws Failure: the operation fails with its code */
  run(operation: Operation): Promise<Change[]>;
  /** What is committed together with the failure. */
  fail?(operation: Operation, failure: Failure): Change[];
}

const collection = 'operation';

export class Operations {
  readonly #store: Store;
  readonly #faults: Faults;
  readonly #milliseconds: number;
  readonly #kinds = new Map<string, OperationKind>();

  constructor(store: Store, faults: Faults, milliseconds: number) {
    this.#store = store;
    this.#faults = faults;
    this.#milliseconds = milliseconds;
  }

  define(kind: string, how: OperationKind): void {
    this.#kinds.set(kind, how);
  }

  /** Commits the operation with `changes` and starts it. */
  accept(
    request: Pick<Operation, 'kind' | 'front' | 'target' | 'method' | 'path' | 'input'>,
    changes: Change[],
  ): Operation {
    const operation: Operation = {
      id: randomUUID(),
      ...request,
      status: 'InProgress',
      startTime: new Date().toISOString(),
    };
    this.#store.commit([...changes, { collection, key: operation.id, value: operation }]);
    void this.#run(operation);
    return operation;
  }

  /** Goes on with what a dead server left unfinished. */
  resume(): void {
    for (const operation of this.#store.list<Operation>(collection)) {
      if (operation.status === 'InProgress') void this.#run(operation);
    }
  }

  get(id: string): Operation | undefined {
    return this.#store.get(collection, id);
  }

  /** Whether something is still being done to the resource. */
  busy(target: string): Operation | undefined {
    const key = target.toLowerCase();
    return this.#store.list<Operation>(collection).find((each) => each.target === key && each.status === 'InProgress');
  }

  async #run(operation: Operation): Promise<void> {
    try {
      await delay(this.#milliseconds);
      await this.#meetFault(operation);
      const changes = await this.#kinds.get(operation.kind)!.run(operation);
      this.#end({ ...operation, status: 'Succeeded' }, changes);
    } catch (error) {
      const failure = internalFailure(error);
      const { status, code, message, details } = failure;
      const changes = this.#kinds.get(operation.kind)?.fail?.(operation, failure) ?? [];
      this.#end({ ...operation, status: 'Failed', error: { status, code, message, details } }, changes);
    }
  }

  async #meetFault({ front, method, path }: Operation): Promise<void> {
    const verdict = await this.#faults.meet('operation', { front, method, path });
    if (verdict === 'go on') return;
    if (verdict === 'drop') throw new Failure(500, 'InternalExecutionError', 'An internal execution error occurred.');
    throw new Failure(
      verdict.status,
      verdict.code,
      verdict.message ?? `The sandbox was ordered to fail with ${verdict.code}.`,
    );
  }

  #end(operation: Operation, changes: Change[]): void {
    // What the work needed (passwords, settings) is dropped with it.
    const ended = { ...operation, input: null, endTime: new Date().toISOString() };
    this.#store.commit([...changes, { collection, key: ended.id, value: ended }]);
  }
}

/** Where a client asks how an operation goes: `{base}/operations/{id}` and `{base}/operationResults/{id}`. */
export interface OperationPlace {
  origin: string;
  /** `/subscriptions/…/locations/…` of the provider. */
  base: string;
  version: string;
}

/** Azure-AsyncOperation (and Location beside it, as Compute and Network send on 202). */
export function asyncOperationHeaders(
  operation: Operation,
  place: OperationPlace,
  status: 201 | 202,
): OutgoingHttpHeaders {
  const at = (what: string) => `${place.origin}${place.base}/${what}/${operation.id}?api-version=${place.version}`;
  return {
    'azure-asyncoperation': at('operations'),
    'retry-after': '1',
    ...(status === 202 ? { location: at('operationResults') } : {}),
  };
}

/** 202 with Location alone. */
export function locationHeaders(operation: Operation, place: OperationPlace): OutgoingHttpHeaders {
  return {
    location: `${place.origin}${place.base}/operationResults/${operation.id}?api-version=${place.version}`,
    'retry-after': '1',
  };
}

/** GET of an Azure-AsyncOperation URL: always 200, the state is in the body. */
export function operationStatus(operation: Operation, path: string): Reply {
  const { id, status, startTime, endTime, error } = operation;
  const body = {
    id: path,
    name: id,
    status,
    startTime,
    ...(endTime ? { endTime } : {}),
    ...(error ? { error: bodyError(error) } : {}),
  };
  return json(200, body, status === 'InProgress' ? { 'retry-after': '1' } : {});
}

/** GET of a Location URL: 202 until it is done, then the result or the error itself. */
export function operationResult(operation: Operation, self: string, result: unknown): Reply {
  if (operation.status === 'InProgress') return { status: 202, headers: { location: self, 'retry-after': '1' } };
  if (operation.error) {
    throw new Failure(operation.error.status, operation.error.code, operation.error.message, {
      details: operation.error.details,
    });
  }
  return result === undefined ? { status: 200 } : json(200, result);
}

function bodyError({ code, message, details }: NonNullable<Operation['error']>): unknown {
  return armError({ code, message, details, target: undefined });
}
