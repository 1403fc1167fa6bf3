import { describe, expect, test } from 'vitest';
import { readSettings } from '../lib/settings.ts';

const read = (context: Record<string, unknown>) => readSettings((key) => context[key]);

describe('the settings', () => {
  test('have defaults that fit any environment', () => {
    expect(read({})).toEqual({
      pr: '123',
      expiresAt: 'never',
      repositoryUrl: 'https://github.com/owner/repo',
      localOrigins: [],
      architecture: 'arm64',
      qualifier: 'hnb659fds',
      placeholder: false,
    });
  });

  test('take what the context says, as text or as numbers', () => {
    const context = {
      pr: 42,
      repo: 'octo-org/repo.name_1',
      sha: 'abcdef0',
      run: '123456/1',
      acct: '012345678901',
      reg: 'us-gov-west-1',
      expires: '2026-12-31T23:59:59Z',
      repositoryUrl: 'https://git.example.org:8443/octo-org/repo',
      localOrigins: 'http://localhost:5173,https://127.0.0.1',
      alarmTopic: 'arn:aws:sns:eu-central-1:012345678901:on-call',
      headersPolicy: '67f7725c-6f97-4210-82d7-5512b31e9d03',
      repoId: 456789,
      boundary: 'arn:aws:iam::012345678901:policy/bound',
      arch: 'x86_64',
      qualifier: 'previews',
      placeholder: 'true',
    };
    expect(read(context)).toEqual({
      pr: '42',
      repo: 'octo-org/repo.name_1',
      sha: 'abcdef0',
      run: '123456/1',
      expiresAt: '2026-12-31T23:59:59Z',
      repositoryUrl: 'https://git.example.org:8443/octo-org/repo',
      localOrigins: ['http://localhost:5173', 'https://127.0.0.1'],
      alarmTopic: 'arn:aws:sns:eu-central-1:012345678901:on-call',
      headersPolicy: '67f7725c-6f97-4210-82d7-5512b31e9d03',
      repositoryId: '456789',
      boundaryArn: 'arn:aws:iam::012345678901:policy/bound',
      architecture: 'x86_64',
      qualifier: 'previews',
      environment: { account: '012345678901', region: 'us-gov-west-1' },
      placeholder: true,
    });
  });

  test.each([
    ['pr', ''],
    ['pr', '0'],
    ['pr', '007'],
    ['pr', '-1'],
    ['pr', '1.5'],
    ['pr', '1234567890'],
    ['pr', { number: 1 }],
    ['pr', [123]],
    ['repo', 'repo'],
    ['repo', 'a/b/c'],
    ['repo', 'owner/na me'],
    ['sha', 'abcdef'],
    ['sha', 'ABCDEF0'],
    ['sha', 'main'],
    ['sha', 'a'.repeat(65)],
    ['run', ''],
    ['run', 'a,b'],
    ['run', 'x'.repeat(129)],
    ['acct', '1234'],
    ['reg', 'Frankfurt'],
    ['expires', 'tomorrow'],
    ['expires', '2026-12-31'],
    ['repositoryUrl', 'http://github.com/owner/repo'],
    ['repositoryUrl', 'https://github.com/owner/repo/'],
    ['localOrigins', '*'],
    ['localOrigins', 'https://example.com'],
    ['localOrigins', 'http://localhost:5173/'],
    ['alarmTopic', 'on-call'],
    ['headersPolicy', 'mine'],
    ['repoId', 'owner/name'],
    ['boundary', 'mine'],
    ['boundary', 'arn:aws:iam::012345678901:role/mine'],
    ['arch', 'amd64'],
    ['qualifier', ''],
    ['qualifier', 'elevenchars'],
    ['qualifier', 'Previews'],
    ['@aws-cdk/core:bootstrapQualifier', 'my_own'],
    ['placeholder', 'yes'],
  ])('reject %s = %j and name it', (key, value) => {
    const expected = `the context value ${key} must be`;
    expect(() => read({ [key]: value })).toThrow(expected);
    expect(() => read({ [key]: value })).toThrow(`found ${JSON.stringify(value)}`);
  });

  test('take the qualifier by either key, and refuse two that differ', () => {
    const cdks = '@aws-cdk/core:bootstrapQualifier';
    expect(read({ [cdks]: 'previews' }).qualifier).toBe('previews');
    expect(read({ [cdks]: 'previews', qualifier: 'previews' }).qualifier).toBe('previews');
    expect(() => read({ [cdks]: 'previews', qualifier: 'others' })).toThrow('differ: give one of them');
  });

  test.each([{ acct: '123456789012' }, { reg: 'eu-central-1' }])('reject half an environment: %j', (context) => {
    expect(() => read(context)).toThrow('the context values acct and reg belong together: give both, or neither');
  });
});
