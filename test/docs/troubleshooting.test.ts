import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { FailureClass } from '../../domain/failure.ts';
import { failureTypes } from './failure-types.ts';

const page = readFileSync(path.join(import.meta.dirname, '../../docs/troubleshooting.md'), 'utf8');
const sources = failureTypes(['services', 'activities', 'workflows']);

/** Class to the types that its section has a row for. */
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section) => [
      section.split('\n', 1)[0] ?? '',
      new Set([...section.matchAll(/^\| `(\w+)` \| [^|]+ \| [^|]+ \|$/gm)].map((match) => match[1] ?? '')),
    ]),
);
const onPage = new Set([...sections.values()].flatMap((types) => [...types]));

test('the page has a section for every class', () => {
  for (const failureClass of FailureClass.options) assert.ok(sections.has(failureClass), failureClass);
});

test('every type that the sources can give is on the page, in a section of its class', () => {
  assert.ok(sources.size > 60);
  for (const { type, classes, files } of sources.values()) {
    const under = [...sections].filter(([, types]) => types.has(type)).map(([failureClass]) => failureClass);
    assert.ok(under.length > 0, `docs/troubleshooting.md says nothing of ${type} (${[...files].join(', ')})`);
    if (classes.size === 0) continue;
    const missing = [...classes].filter((failureClass) => !under.includes(failureClass));
    const both = type === 'EnvironmentUnsolvable' || type === 'PackageIndexFailed'; // one literal, a condition in class and type
    assert.ok(
      both ? missing.length < classes.size : missing.length === 0,
      `${type} is under ${under.join()}, and can be ${[...classes].join()}`,
    );
  }
});

test('every type on the page exists', () => {
  for (const type of onPage) assert.ok(sources.has(type), `nothing gives the type ${type} any more`);
});
