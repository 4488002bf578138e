import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { upsertSearchAttributes } from '@temporalio/workflow';
import { SEARCH_ATTRIBUTE, type JobStatus } from '../domain/search-attributes.ts';

export interface FoundBy {
  readonly site?: string;
  readonly model?: string;
  readonly jobStatus?: JobStatus;
  readonly virtualMachine?: string;
}

const key = (name: string) => defineSearchAttributeKey(name, SearchAttributeType.KEYWORD);

/** By what a run is found. Only what changes is written: each write is an event. */
export class SearchAttributes {
  #known: FoundBy = {};

  set(found: FoundBy): void {
    const changed = (Object.keys(found) as (keyof FoundBy)[]).filter((name) => found[name] !== this.#known[name]);
    if (changed.length === 0) return;
    this.#known = { ...this.#known, ...found };
    upsertSearchAttributes(changed.map((name) => ({ key: key(SEARCH_ATTRIBUTE[name]), value: found[name] ?? null })));
  }
}
