import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { REPOSITORY_ROOT } from '../lib/paths.ts';
import { Preview, type Resource, defaultPreview as preview, property, tagsOf } from './support.ts';

// What whoever followed the tutorial looks for, under the names that it has there:
// https://www.max-gherman.dev/partly-cloudy/aws-from-idea-to-infra/sqs-dlq/

const redrives = (each: Resource) => each.Properties?.['RedrivePolicy'] !== undefined;
const FUNCTIONS = [
  ['hello', 'HelloFunction', 'preview-api-function'],
  ['submit-job', 'SubmitJobFunction', 'preview-job-submit-function'],
  ['worker', 'WorkerFunction', 'preview-worker-function'],
] as const;

test('the outputs', () => {
  const outputs: Record<string, { Value: unknown }> = new Preview({ pr: '7' }).template.toJSON().Outputs;
  expect(Object.keys(outputs).sort()).toEqual([
    'ApiUrl',
    'BucketName',
    'DistributionId',
    'JobUrl',
    'JobsDeadLetterQueueName',
    'JobsQueueName',
    'PreviewUrl',
  ]);
  const end = (name: string) => (outputs[name]?.Value as { 'Fn::Join': [string, unknown[]] })['Fn::Join'][1].at(-1);
  expect(['PreviewUrl', 'ApiUrl', 'JobUrl'].map(end)).toEqual(['/?pr=7', '/hello', '/jobs']);
});

describe.each(FUNCTIONS)('the function %s', (binary, name, part) => {
  const [id, resource] = preview.rustFunction(binary);
  const logGroup = property<{ LogGroup: { Ref: string } }>(resource, 'LoggingConfig').LogGroup.Ref;

  test(`is called after ${name}, as its log group is`, () => {
    expect(id).toContain(name);
    expect(preview.resources[logGroup]).toMatchObject({
      DeletionPolicy: 'Delete',
      UpdateReplacePolicy: 'Delete',
      Properties: { LogGroupName: `/aws/lambda/Stack-PR123-${name}` },
    });
  });

  test('may write to its own log group alone, and create none', () => {
    const logs = preview.allowed(id).filter(({ actions }) => actions.some((action) => action.startsWith('logs:')));
    expect(logs).toEqual([
      { actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], resource: { 'Fn::GetAtt': [logGroup, 'Arn'] } },
    ]);
  });

  test(`is tagged ${part}`, () => {
    expect(tagsOf(resource)).toMatchObject({ resource: part });
  });
});

test('the variables of the functions', () => {
  const variables = (binary: string) =>
    property<{ Variables: Record<string, unknown> }>(preview.rustFunction(binary)[1], 'Environment').Variables;
  const [queue] = preview.single('AWS::SQS::Queue', redrives);
  expect(variables('hello')).toMatchObject({ PR_NUMBER: '123' });
  expect(variables('submit-job')).toMatchObject({ PR_NUMBER: '123', QUEUE_URL: { Ref: queue } });
  expect(variables('worker')).toMatchObject({ PR_NUMBER: '123' });
});

test('the tags of the bucket and of the queues, and of nothing that is none of the six', () => {
  const part = (resource: Resource) => tagsOf(resource)['resource'];
  expect(part(preview.single('AWS::S3::Bucket')[1])).toBe('preview-bucket');
  expect(part(preview.single('AWS::SQS::Queue', redrives)[1])).toBe('preview-jobs-queue');
  expect(part(preview.single('AWS::SQS::Queue', (each) => !redrives(each))[1])).toBe('preview-jobs-dlq');
  const tagged = Object.values(preview.resources).filter((each) => part(each) !== undefined);
  expect([...new Set(tagged.map(({ Type }) => Type))].sort()).toEqual([
    'AWS::IAM::Role',
    'AWS::Lambda::EventSourceMapping',
    'AWS::Lambda::Function',
    'AWS::Logs::LogGroup',
    'AWS::S3::Bucket',
    'AWS::SQS::Queue',
  ]);
});

test('the name of the bucket, where account and region are given', () => {
  const named = new Preview({ pr: '7', acct: '123456789012', reg: 'eu-central-1' });
  expect(property(named.single('AWS::S3::Bucket')[1], 'BucketName')).toBe('pr-7-123456789012-eu-central-1');
  expect(preview.single('AWS::S3::Bucket')[1].Properties).not.toHaveProperty('BucketName');
});

test.each([
  ['repo', 'octo-org/some.repo_1', 'repo'],
  ['sha', '0123456789abcdef0123456789abcdef01234567', 'sha'],
  ['run', '19283746', 'run-id'],
])('the context value %s is a tag only if it is given', (key, value, tag) => {
  expect(new Preview({ [key]: value }).stackTags[tag]).toBe(value);
  expect(preview.stackTags).not.toHaveProperty(tag);
});

/** What `aws sqs` of Debian 12's AWS CLI 2.9.19 knows, and speaks as forms: moving dead letters back came after it. */
const KNOWN_TO_OLD = [
  'delete-message',
  'get-queue-attributes',
  'get-queue-url',
  'list-dead-letter-source-queues',
  'list-queue-tags',
  'list-queues',
  'purge-queue',
  'receive-message',
  'send-message',
  'tag-queue',
  'untag-queue',
];

describe('what is said about it', () => {
  const section = (file: string, heading: string) => {
    const [, after = ''] = readFileSync(join(REPOSITORY_ROOT, file), 'utf8').split(`\n## ${heading}\n`);
    return after.split('\n## ')[0] ?? '';
  };

  test.each([
    ["hello's answer", /`ok`.*`time`.*`message`, `pr` and `version`/],
    ["jobs' answer", /`ok`.*`queued`.*`jobId` and `messageId`/],
    ["an error's body", /`new Error\(data\?\.error\)`.*`code` and `message`/],
    ['the content type of `POST /jobs`', /415/],
    ["the worker's log", /`job\.outcome`/],
    ['tags', /`run-id`.*`sha`/],
    ["the bucket's name", /`pr-<pr>-<acct>-<reg>`.*CloudFormation/],
  ])('what differs: %s', (what, columns) => {
    const rows = section('stack/README.md', 'What differs from the tutorial').split('\n').filter((line) => line.startsWith('| '));
    const row = rows.find((line) => line.startsWith(`| ${what} |`));
    expect(row).toMatch(columns);
    // What it is there, what it is here, and why.
    expect(row?.split(' | ').every((cell) => cell.trim().length > 1)).toBe(true);
    expect(row?.split(' | ')).toHaveLength(4);
  });

  test('the runbook needs nothing that the documentation does not name, either, and finds the log by its name', () => {
    const [prose = ''] = section('docs/first-steps.md', 'Verify the stack by hand').split('The stack is complete');
    const runbook = readFileSync(join(REPOSITORY_ROOT, 'RUNBOOK.md'), 'utf8');
    const commands = [...runbook.matchAll(/```sh (?:local|aws)\n([^]*?)\n```/g)].map(([, block = '']) => block).join('\n');
    const used = [...commands.matchAll(/aws sqs ([a-z-]+)/g)].map(([, name = '']) => name);
    expect(used.length).toBeGreaterThan(20);
    for (const name of used.filter((each) => !KNOWN_TO_OLD.includes(each))) {
      expect(prose).toContain(`\`${name}\``);
    }
    expect(commands).toContain('aws cloudwatch describe-alarms-for-metric');
    expect(prose).toContain('`aws cloudwatch`');
    // An old AWS CLI does not know this, and prints None where a name is wanted, also on AWS.
    expect(commands).not.toContain('LoggingConfig.LogGroup');
    expect(commands).toContain('--log-group-name "/aws/lambda/$STACK-WorkerFunction"');
  });

  test('takes the outputs that are known from a stack, and no variable of the shell', () => {
    const [, block = ''] = /```sh aws\n([^]*?)\n```/.exec(section('docs/first-steps.md', 'Verify the stack by hand')) ?? [];
    const sound = { ApiUrl: 'https://a.test/hello', JobsQueueName: 'Stack-PR7-Jobs', DistributionId: 'E1ABC' };
    const hostile = { PS1: '$(id)', PATH: '/nowhere', STACK: 'Stack-PR1', IFS: 'a', JobUrl: '-o/etc/passwd', BucketName: '--version', PROMPT_COMMAND: 'id', JobsDeadLetterQueueName: 'file:///etc/passwd' };
    const outputs = Object.entries({ ...hostile, ...sound }).map((pair) => pair.join('\\t')).join('\\n');
    const { stdout, stderr } = spawnSync('bash', ['--norc', '-o', 'history', '-o', 'histexpand'], {
      input: `aws() { printf '${outputs}\\n'; }\n${block}\necho "$STACK|$IFS|$ApiUrl|$JobsQueueName|$DistributionId|$JobUrl|$BucketName|$PROMPT_COMMAND|$JobsDeadLetterQueueName$AWS_ENDPOINT_URL$AWS_ACCESS_KEY_ID|$AWS_REGION|$AWS_DEFAULT_REGION"\n`,
      encoding: 'utf8',
      // What `verifier local` has exported, and another stack's block.
      env: { PATH: process.env['PATH'], AWS_ENDPOINT_URL: 'http://127.0.0.1:1', AWS_ACCESS_KEY_ID: 'AKIALOCAL', AWS_DEFAULT_REGION: 'us-local-1', JobUrl: 'http://127.0.0.1:1', BucketName: 'old', JobsDeadLetterQueueName: 'old' },
    });
    expect(stdout).toBe('Stack-PR123| \t\n|https://a.test/hello|Stack-PR7-Jobs|E1ABC|||||eu-central-1|eu-central-1\n');
    expect(stderr).toBe('');
    // What the page says that there is.
    for (const name of ['ApiUrl', 'JobUrl', 'PreviewUrl', 'JobsQueueName', 'JobsDeadLetterQueueName', 'BucketName', 'DistributionId']) {
      expect(block).toContain(`${name}=`);
    }
  });

  test("verifying by hand needs nothing that Debian 12's AWS CLI 2.9.19 does not know, apart from what is named", () => {
    const byHand = section('docs/first-steps.md', 'Verify the stack by hand');
    const [prose = '', ...blocks] = byHand.split('```sh local\n');
    const commands = blocks.map((each) => each.split('```')[0]).join('');
    expect(commands).not.toMatch(/LoggingConfig|--message-system-attribute-names/);
    const used = [...commands.matchAll(/aws sqs ([a-z-]+)/g)].map(([, name = '']) => name);
    expect(used).toContain('delete-message');
    expect(used.filter((name) => !KNOWN_TO_OLD.includes(name))).toEqual([]);
    expect(prose).toContain('2.13.33');
    for (const name of ['start-message-move-task', 'list-message-move-tasks', 'cancel-message-move-task']) {
      expect(prose).toContain(`\`${name}\``);
    }
  });
});
