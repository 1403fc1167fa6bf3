import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CHECKED_IN_TEMPLATE, synthesisedTemplate } from '../lib/template.ts';
import { withTemporaryDirectory } from '../lib/temporary-directory.ts';
import { Preview, type Resource, defaultPreview as preview } from './support.ts';

const STACK_DIRECTORY = join(import.meta.dirname, '..');

const SETTINGS = {
  pr: '7',
  repo: 'octo-org/some.repo_1',
  sha: '0123456789abcdef0123456789abcdef01234567',
  run: '19283746/2',
};
const TAGS = {
  'managed-by': 'cdk',
  preview: 'true',
  pr: SETTINGS.pr,
  repo: SETTINGS.repo,
  sha: SETTINGS.sha,
  'run-id': SETTINGS.run,
};

test('the checked-in template is what the app synthesises', () => {
  const checkedIn = readFileSync(CHECKED_IN_TEMPLATE, 'utf8');
  expect(checkedIn, 'stack/template is stale: run `npm run synth` in stack/ and check the result in').toBe(
    synthesisedTemplate(),
  );
});

test('the checked-in template is free of what changes from one machine to the next', () => {
  const checkedIn = readFileSync(CHECKED_IN_TEMPLATE, 'utf8');
  for (const leak of ['aws:asset:path', 'aws:cdk:path', 'AWS::CDK::Metadata', tmpdir(), STACK_DIRECTORY]) {
    expect(checkedIn).not.toContain(leak);
  }
});

describe('the outputs', () => {
  const outputs: Record<string, { Value: unknown }> = preview.template.toJSON().Outputs;
  const value = (name: string): unknown => outputs[name]?.Value;
  const attribute = (type: string, name: string) => ({ 'Fn::GetAtt': [preview.single(type)[0], name] });

  test('have exactly the names that the verifier looks for', () => {
    expect(Object.keys(outputs).sort()).toEqual([
      'ApiUrl',
      'BucketName',
      'DistributionId',
      'JobUrl',
      'JobsDeadLetterQueueName',
      'JobsQueueName',
      'PreviewUrl',
    ]);
  });

  test('have the values that their names promise', () => {
    const endpoint = attribute('AWS::ApiGatewayV2::Api', 'ApiEndpoint');
    const domain = attribute('AWS::CloudFront::Distribution', 'DomainName');
    expect(value('ApiUrl')).toEqual(endpoint);
    expect(value('JobUrl')).toEqual({ 'Fn::Join': ['', [endpoint, '/jobs']] });
    expect(value('PreviewUrl')).toEqual({ 'Fn::Join': ['', ['https://', domain, '/']] });
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

  function tagsOf(resource: Resource): Record<string, string> {
    const tags = (resource.Properties?.['Tags'] ?? {}) as Record<string, string> | { Key: string; Value: string }[];
    return Array.isArray(tags) ? Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value])) : tags;
  }

  const expected = Object.entries(tagged.resources).filter(
    ([id, { Type }]) => !UNTAGGABLE.has(Type) && !BARE.test(id),
  );

  test.each(expected)('%s has them all', (id, resource) => {
    const area = /^(Site|Api|Jobs)/.exec(id)?.[1]?.toLowerCase() ?? 'stack';
    expect(tagsOf(resource)).toMatchObject({ ...TAGS, resource: area });
  });

  test('no resource that is excused has tags', () => {
    const excused = Object.entries(tagged.resources).filter((entry) => !expected.some(([id]) => id === entry[0]));
    expect(excused.filter(([, resource]) => resource.Properties?.['Tags'] !== undefined)).toEqual([]);
  });

  test('the stack has them, for the tools that look before they touch it', () => {
    expect(tagged.stackTags).toEqual({ ...TAGS, resource: 'stack' });
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
  // These names are unique within their parent, which has a name of its own: a role, an API's stages, a policy.
  const SCOPED = new Set(['PolicyName', 'StageName']);

  function names(value: unknown, path: string): string[] {
    if (typeof value !== 'object' || value === null) {
      return [];
    }
    return Object.entries(value).flatMap(([key, child]) => {
      const here = `${path}.${key}`;
      const isName = typeof child === 'string' && /Name$/.test(key) && !SCOPED.has(key);
      return isName ? [`${here} = ${child}`] : names(child, here);
    });
  }
  const namesOf = (pr: string) => names(new Preview({ ...SETTINGS, pr }).resources, '');

  const [one, two] = [namesOf('1'), namesOf('2')];
  // The API and the origin access control cannot do without a name; whatever joins them shall be noticed.
  expect(one.map((name) => name.split(' ')[0])).toEqual([
    expect.stringMatching(/\.OriginAccessControlConfig\.Name$/),
    expect.stringMatching(/^\.ApiHttpApi[0-9A-F]+\.Properties\.Name$/),
  ]);
  expect(one.filter((name) => two.includes(name))).toEqual([]);
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
        properties: { tags: { ...TAGS, resource: 'stack' } },
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
