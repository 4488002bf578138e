import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { sourceAddress } from '../../sandbox/azure/dial.ts';
import { freeAddress, isCidr, overlap, within } from '../../sandbox/stack-hub/addresses.ts';
import {
  evaluateInbound,
  type Flow,
  type NamedRule,
  type SecurityRule,
} from '../../sandbox/stack-hub/security-rules.ts';

const flow: Flow = {
  protocol: 'Tcp',
  source: '198.51.100.1',
  sourcePort: 50000,
  destination: '10.0.0.4',
  destinationPort: 22,
  virtualNetwork: ['10.0.0.0/16'],
};

function rule(name: string, priority: number, more: Partial<SecurityRule> = {}): NamedRule {
  const any = {
    sourceAddressPrefix: '*',
    sourcePortRange: '*',
    destinationAddressPrefix: '*',
    destinationPortRange: '22',
  };
  return { name, properties: { protocol: 'Tcp', access: 'Allow', direction: 'Inbound', priority, ...any, ...more } };
}

describe('an inbound flow', () => {
  it('is denied by default from outside, and let in from the virtual network', () => {
    assert.deepEqual(evaluateInbound([], flow), { access: 'Deny', rule: 'DenyAllInBound' });
    assert.deepEqual(evaluateInbound([], { ...flow, source: '10.0.1.9' }), {
      access: 'Allow',
      rule: 'AllowVnetInBound',
    });
  });

  const cases: [string, Partial<SecurityRule>, 'Allow' | 'Deny'][] = [
    ['its address', { sourceAddressPrefix: '198.51.100.0/28' }, 'Allow'],
    ['one address without a length', { sourceAddressPrefix: '198.51.100.1' }, 'Allow'],
    ['the Internet', { sourceAddressPrefix: 'Internet' }, 'Allow'],
    ['another network', { sourceAddressPrefix: '198.51.101.0/24' }, 'Deny'],
    ['the virtual network', { sourceAddressPrefix: 'VirtualNetwork' }, 'Deny'],
    [
      'a list with its address',
      { sourceAddressPrefix: '', sourceAddressPrefixes: ['192.0.2.0/24', '198.51.100.0/24'] },
      'Allow',
    ],
    ['a range with its port', { destinationPortRange: '20-25' }, 'Allow'],
    ['a list with its port', { destinationPortRange: '', destinationPortRanges: ['80', '22'] }, 'Allow'],
    ['another port', { destinationPortRange: '2222' }, 'Deny'],
    ['another protocol', { protocol: 'Udp' }, 'Deny'],
    ['any protocol', { protocol: '*' }, 'Allow'],
    ['the way out', { direction: 'Outbound' }, 'Deny'],
    ['another destination', { destinationAddressPrefix: '10.0.0.5' }, 'Deny'],
    ['another source port', { sourcePortRange: '1-1023' }, 'Deny'],
  ];
  for (const [what, more, access] of cases) {
    it(`meets a rule for ${what}: ${access}`, () =>
      assert.equal(evaluateInbound([rule('r', 100, more)], flow).access, access));
  }

  it('is decided by the lowest priority number that fits, in whatever order rules stand', () => {
    const priorities = fc.uniqueArray(fc.integer({ min: 100, max: 4096 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(priorities, fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }), (numbers, allowed) => {
        const rules = numbers.map((priority, index) =>
          rule(`r${priority}`, priority, { access: allowed[index] ? 'Allow' : 'Deny' }),
        );
        const first = rules.toSorted((one, other) => one.properties.priority - other.properties.priority)[0]!;
        assert.deepEqual(evaluateInbound(rules, flow), { access: first.properties.access, rule: first.name });
      }),
    );
  });
});

describe('addresses', () => {
  it('know prefixes', () => {
    assert.deepEqual(['10.0.0.0/8', '10.0.0.0', '10.0.0.0/33', '300.0.0.0/8', '10.0.0.0/8/8'].map(isCidr), [
      true,
      false,
      false,
      false,
      false,
    ]);
    assert.ok(within('10.1.0.0/24', '10.1.0.0/16') && !within('10.2.0.0/24', '10.1.0.0/16'));
    assert.ok(overlap('10.1.0.0/16', '10.1.128.0/17') && !overlap('10.1.0.0/24', '10.1.1.0/24'));
  });

  it('give the lowest free one, until there is none', () => {
    assert.equal(freeAddress('10.0.0.0/29', 4, ['10.0.0.4']), '10.0.0.5');
    assert.equal(freeAddress('10.0.0.0/29', 4, ['10.0.0.4', '10.0.0.5', '10.0.0.6']), undefined);
  });

  it('name the one that Azure ML dials from', () => {
    assert.deepEqual(['198.51.100.0/28', '198.51.100.7', '198.51.100.7/32'].map(sourceAddress), [
      '198.51.100.1',
      '198.51.100.7',
      '198.51.100.7',
    ]);
  });
});
