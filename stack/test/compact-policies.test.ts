import { describe, expect, test } from 'vitest';
import { compact } from '../lib/compact-policies.ts';
import { resolve } from './policies.ts';

const sub = (text: string) => ({ 'Fn::Sub': text });
const nine = (prefix: string, suffix: string) => [1, 2, 3, 4, 5, 6, 7, 8, 9].map((digit) => sub(`${prefix}${digit}*${suffix}`));
const [QUEUES, BUCKETS] = [nine('arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:Stack-PR', '-*'), nine('arn:${AWS::Partition}:s3:::pr-', '-${AWS::AccountId}')];

describe('a compact policy', () => {
  test.each([
    ['nine queues', QUEUES],
    ['queues, buckets, and others between', [sub('arn:${AWS::Partition}:s3:::x'), ...QUEUES, '*', ...BUCKETS]],
    ['in any order', [...QUEUES].reverse()],
  ])('says the same in less: %s', (_name, Resource) => {
    const statement = { Statement: [{ Resource, Condition: { ArnLike: { key: Resource } } }] };
    const found = compact(statement);
    expect(JSON.stringify(found).length).toBeLessThan(JSON.stringify(statement).length / 2);
    const sorted = (value: unknown) => {
      const [each] = resolve<{ Statement: [{ Resource: string[]; Condition: { ArnLike: { key: string[] } } }] }>(value, {}, '').Statement;
      return [each.Resource.sort(), each.Condition.ArnLike.key.sort()];
    };
    expect(sorted(found)).toEqual(sorted(statement));
  });

  test.each([
    ['eight', QUEUES.slice(1)],
    ['none', [sub('arn:${AWS::Partition}:s3:::x'), '*']],
    ['one that is no text', [...QUEUES, { 'Fn::GetAtt': ['Role', 'Arn'] }]],
    ['one with a comma', [...QUEUES, 'a,b']],
  ])('is left as it is: %s', (_name, Resource) => {
    expect(compact({ Resource, Version: '2012-10-17', Null: null })).toEqual({ Resource, Version: '2012-10-17', Null: null });
  });
});
