import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AliasName,
  aliasesIn,
  aliasTags,
  findAlias,
  latestMoveIn,
  latestMoveTag,
  MovableAlias,
} from '../../domain/model-alias.ts';
import { DeployModelInput } from '../../domain/deployment.ts';

const moved = { alias: 'champion', version: 3, from: 2, by: 'ada@ward', at: '2026-01-02T03:04:05.000Z' };

test('what the tags say of an alias is what was written', () => {
  const tags = { site: 'demo', ...aliasTags(moved), ...aliasTags({ ...moved, alias: 'blue', version: 1 }) };
  assert.deepEqual(aliasesIn(tags), [{ ...moved, alias: 'blue', version: 1 }, moved]);
  assert.deepEqual(findAlias(tags, 'champion'), moved);
  assert.equal(findAlias(tags, 'green'), undefined);
});

test('the record of latest is one, and makes no alias', () => {
  const move = { to: 3, from: 2, by: 'train-heart', at: '2026-01-02T03:04:05.000Z' };
  const tags = { ...aliasTags(moved), ...latestMoveTag(move) };
  assert.deepEqual([latestMoveIn(tags), aliasesIn(tags)], [move, [moved]]);
  const { from: _, ...first } = move;
  assert.deepEqual(latestMoveIn(latestMoveTag(first)), first);
  for (const wrong of ['', '{"to":3}', 'x']) assert.equal(latestMoveIn({ 'alias.latest.moved': wrong }), undefined);
});

test('a tag that somebody wrote by hand counts, has no record, and breaks nothing', () => {
  const tags = {
    'alias.hand': '7',
    'alias.hand.moved': '{"by": 7}',
    'alias.none': 'x',
    'alias.zero': '0',
    'alias.V': '1',
  };
  assert.deepEqual(aliasesIn({ ...tags, 'alias.half': '1.5', 'alias.null': null }), [{ alias: 'hand', version: 7 }]);
});

test('an alias is a tag of a registry, and never one that looks like a version', () => {
  for (const name of ['a', 'champion', 'blue-2', 'v', 'v3x', 'x'.repeat(32)])
    assert.ok(AliasName.safeParse(name).success, name);
  for (const name of ['', 'v3', 'v007', 'Champion', '3', 'a_b', 'a.b', 'a-', '-a', 'x'.repeat(33), 'a\n'])
    assert.ok(!AliasName.safeParse(name).success, name);
  assert.ok(AliasName.safeParse('latest').success);
  assert.ok(!MovableAlias.safeParse('latest').success);
});

test('a deployment names a version or an alias, and nothing else names an alias', () => {
  const of = (input: object) => DeployModelInput.safeParse({ site: 'demo', model: 'heart', ...input }).success;
  assert.ok(of({ alias: 'champion' }) && of({ alias: 'latest' }) && of({ version: 3 }));
  assert.ok(!of({ alias: 'champion', version: 3 }));
  assert.ok(!of({ alias: 'champion', action: 'rollback' }));
});
