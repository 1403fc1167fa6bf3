import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { REPOSITORY_ROOT } from '../lib/paths.ts';
import { CHECKED_IN } from '../lib/template.ts';
import { withTemporaryDirectory } from '../lib/temporary-directory.ts';
import { Preview, type Resource, defaultPreview as preview, tagsOf } from './support.ts';

const STACK_DIRECTORY = join(import.meta.dirname, '..');

const SETTINGS = {
  pr: '7',
  repo: 'octo-org/some.repo_1',
  sha: '0123456789abcdef0123456789abcdef01234567',
  run: '19283746/2',
  expires: '2026-12-31T23:59:59Z',
};
const TAGS = {
  'managed-by': 'cdk',
  preview: 'true',
  pr: SETTINGS.pr,
  repo: SETTINGS.repo,
  sha: SETTINGS.sha,
  'run-id': SETTINGS.run,
  'expires-at': SETTINGS.expires,
};

describe.each(CHECKED_IN.map((each) => [basename(each.path), each] as const))('the checked-in %s', (_name, each) => {
  const checkedIn = readFileSync(each.path, 'utf8');

  test('is what the app synthesises', () => {
    const complaint = 'stack/template is stale: run `npm run synth` in stack/ and check the result in';
    expect(checkedIn, complaint).toBe(each.synthesise());
  });

  test('is free of what changes from one machine to the next', () => {
    for (const leak of ['aws:asset:path', 'aws:cdk:path', 'AWS::CDK::Metadata', tmpdir(), STACK_DIRECTORY]) {
      expect(checkedIn).not.toContain(leak);
    }
  });
});

/** The outputs that the verifier looks for where no settings file says otherwise, from its source. */
function outputsOfTheVerifier(): string[] {
  const model = readFileSync(join(REPOSITORY_ROOT, 'verifier/core/src/settings/model.rs'), 'utf8');
  const [, defaults = ''] = /impl Default for Outputs \{(.*?)\n\}/s.exec(model) ?? [];
  return [...defaults.matchAll(/"(\w+)"/g)].map(([, name = '']) => name);
}

describe('the outputs', () => {
  const outputs: Record<string, { Value: unknown }> = preview.template.toJSON().Outputs;
  const value = (name: string): unknown => outputs[name]?.Value;
  const attribute = (type: string, name: string) => ({ 'Fn::GetAtt': [preview.single(type)[0], name] });

  test('are exactly those that the verifier reads', () => {
    expect(outputsOfTheVerifier().length).toBeGreaterThan(5);
    expect(Object.keys(outputs).sort()).toEqual(outputsOfTheVerifier().sort());
  });

  test('have the values that their names promise', () => {
    const endpoint = attribute('AWS::ApiGatewayV2::Api', 'ApiEndpoint');
    const domain = attribute('AWS::CloudFront::Distribution', 'DomainName');
    expect(value('ApiUrl')).toEqual({ 'Fn::Join': ['', [endpoint, '/hello']] });
    expect(value('JobUrl')).toEqual({ 'Fn::Join': ['', [endpoint, '/jobs']] });
    expect(value('PreviewUrl')).toEqual({ 'Fn::Join': ['', ['https://', domain, '/?pr=123']] });
    expect(value('BucketName')).toEqual({ Ref: preview.single('AWS::S3::Bucket')[0] });
    expect(value('DistributionId')).toEqual({ Ref: preview.single('AWS::CloudFront::Distribution')[0] });
    const redrives = (each: Resource) => each.Properties?.['RedrivePolicy'] !== undefined;
    expect(value('JobsQueueName')).toEqual({
      'Fn::GetAtt': [preview.single('AWS::SQS::Queue', redrives)[0], 'QueueName'],
    });
    expect(value('JobsDeadLetterQueueName')).toEqual({
      'Fn::GetAtt': [preview.single('AWS::SQS::Queue', (each) => !redrives(each))[0], 'QueueName'],
    });
  });
});

describe('the tags', () => {
  const tagged = new Preview(SETTINGS);

  // CloudFormation cannot tag resources of these types, or, for custom resources, there is nothing to tag.
  const UNTAGGABLE = new Set([
    'AWS::ApiGatewayV2::Integration',
    'AWS::ApiGatewayV2::Route',
    'AWS::CloudFront::OriginAccessControl',
    'AWS::CloudFront::ResponseHeadersPolicy',
    'AWS::IAM::Policy',
    'AWS::Lambda::LayerVersion',
    'AWS::Lambda::Permission',
    'AWS::S3::BucketPolicy',
    'AWS::SQS::QueuePolicy',
    'Custom::CDKBucketDeployment',
    'Custom::S3AutoDeleteObjects',
  ]);
  // CDK builds the function that empties the bucket, and its role, from bare resources that its tags do not reach.
  // CloudFormation gives them the stack's own tags.
  const BARE = /^CustomS3AutoDeleteObjectsCustomResourceProvider/;

  const expected = Object.entries(tagged.resources).filter(
    ([id, { Type }]) => !UNTAGGABLE.has(Type) && !BARE.test(id),
  );

  test.each(expected)('%s has them all', (_id, resource) => {
    expect(tagsOf(resource)).toMatchObject(TAGS);
  });

  test('no resource that is excused has tags', () => {
    const excused = Object.entries(tagged.resources).filter((entry) => !expected.some(([id]) => id === entry[0]));
    expect(excused.filter(([, resource]) => resource.Properties?.['Tags'] !== undefined)).toEqual([]);
  });

  test('the stack has them, for the tools that look before they touch it', () => {
    expect(tagged.stackTags).toEqual(TAGS);
  });

  test('say nothing of what nobody said', () => {
    const expected = { 'managed-by': 'cdk', preview: 'true', pr: '123', 'expires-at': 'never' };
    expect(preview.stackTags).toEqual(expected);
    const { resource: _part, ...tags } = tagsOf(preview.rustFunction('worker')[1]);
    expect(tags).toEqual(expected);
  });

  test('their values are legal in every AWS service', () => {
    for (const [, resource] of expected) {
      for (const value of Object.values(tagsOf(resource))) {
        expect(value).toMatch(/^[\p{L}\p{N} _.:/=+@-]{0,256}$/u);
      }
    }
  });
});

test('two pull requests share no physical name', () => {
  // These are unique within their parent, which has a name of its own, or name something that is AWS's.
  const SCOPED = new Set(['PolicyName', 'StageName', 'MetricName', 'Dimensions']);

  function names(value: unknown, path: string): string[] {
    if (typeof value !== 'object' || value === null) {
      return [];
    }
    return Object.entries(value)
      .filter(([key]) => !SCOPED.has(key))
      .flatMap(([key, child]) => {
        const here = `${path}.${key}`;
        return typeof child === 'string' && /Name$/.test(key) ? [`${here} = ${child}`] : names(child, here);
      });
  }
  const namesOf = (pr: string) =>
    Object.entries(new Preview({ ...SETTINGS, pr }).resources).flatMap(([id, { Type, Properties }]) =>
      names(Properties, `${Type} ${id}`),
    );

  const [one, two] = [namesOf('1'), namesOf('2')];
  // Everything else is named by CloudFormation; whatever joins these shall be noticed.
  const types = one.map((name) => name.split(' ')[0]);
  expect([...new Set(types)].sort()).toEqual([
    'AWS::ApiGatewayV2::Api',
    'AWS::CloudFront::OriginAccessControl',
    'AWS::CloudFront::ResponseHeadersPolicy',
    'AWS::CloudWatch::Alarm',
    'AWS::CloudWatch::Dashboard',
    'AWS::Logs::LogGroup',
  ]);
  const values = (list: string[]) => list.map((name) => name.split(' = ')[1]);
  expect(values(one).filter((name) => values(two).includes(name))).toEqual([]);
});

test('nothing outlives the stack', () => {
  const kept = Object.entries(preview.resources).filter(([, { DeletionPolicy, UpdateReplacePolicy }]) =>
    [DeletionPolicy, UpdateReplacePolicy].some((policy) => policy !== undefined && policy !== 'Delete'),
  );
  expect(kept).toEqual([]);
});

describe('the app, as the CDK command line runs it', () => {
  function run(context: Record<string, unknown>, outdir: string) {
    return spawnSync(process.execPath, ['--import', 'tsx', join('bin', 'preview.ts')], {
      cwd: STACK_DIRECTORY,
      encoding: 'utf8',
      env: { ...process.env, CDK_OUTDIR: outdir, CDK_CONTEXT_JSON: JSON.stringify(context) },
    });
  }

  test('takes its settings from the context', () => {
    withTemporaryDirectory((outdir) => {
      const context = { ...SETTINGS, acct: '123456789012', reg: 'eu-central-1', placeholder: 'true' };
      const { status, stderr } = run(context, outdir);
      expect(status, stderr).toBe(0);
      const { artifacts } = JSON.parse(readFileSync(join(outdir, 'manifest.json'), 'utf8'));
      expect(artifacts['Stack-PR7']).toMatchObject({
        environment: 'aws://123456789012/eu-central-1',
        properties: { tags: TAGS },
      });
    });
  });

  test('says what is wrong with them, without a stack trace', () => {
    withTemporaryDirectory((outdir) => {
      const { status, stderr } = run({ pr: 'abc' }, outdir);
      expect(status).toBe(1);
      expect(stderr.trim()).toBe('error: the context value pr must be a pull request number, such as 123; found "abc"');
    });
  });
});
