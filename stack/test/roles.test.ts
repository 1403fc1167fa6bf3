import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CHECKED_IN } from '../lib/template.ts';
import { REPOSITORY_ROOT } from '../lib/paths.ts';
import { ACCOUNT, REGION, type Statement, allows, resolve } from './policies.ts';
import { type Resource } from './support.ts';

/**
 * Every command of the AWS CLI that the workflows run, with the role that runs it and what AWS asks for.
 *
 * Source: the `Actions` tables of
 * https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html.
 */
const [ALL, PREVIEW] = ['*', `arn:aws:cloudformation:${REGION}:${ACCOUNT}:stack/Stack-PR7/1-2`];
interface Command {
  /** Where it is run, and how it begins there. */
  readonly file: string;
  readonly command: string;
  readonly role: 'TeardownRole' | 'VerifyRole';
  readonly needs: readonly (readonly [action: string, resource: string])[];
}
const COMMANDS: readonly Command[] = [
  {
    file: 'actions/find-previews/find.sh',
    command: 'aws cloudformation describe-stacks --output',
    role: 'TeardownRole',
    // Without a name, it lists the stacks.
    needs: [['cloudformation:DescribeStacks', ALL], ['cloudformation:ListStacks', ALL]],
  },
  {
    file: 'actions/delete-preview/delete.sh',
    command: 'aws cloudformation describe-stacks --stack-name',
    role: 'TeardownRole',
    needs: [['cloudformation:DescribeStacks', PREVIEW]],
  },
  {
    file: 'actions/delete-preview/delete.sh',
    command: 'aws cloudformation delete-stack --stack-name',
    role: 'TeardownRole',
    needs: [['cloudformation:DeleteStack', PREVIEW]],
  },
  {
    file: 'actions/delete-preview/delete.sh',
    command: 'aws cloudformation wait stack-delete-complete',
    role: 'TeardownRole',
    needs: [['cloudformation:DescribeStacks', PREVIEW]],
  },
  {
    file: 'actions/delete-preview/delete.sh',
    command: 'aws cloudformation describe-stack-events --stack-name',
    role: 'TeardownRole',
    needs: [['cloudformation:DescribeStackEvents', PREVIEW]],
  },
  {
    file: 'workflows/preview.yml',
    command: 'aws cloudformation describe-stacks --stack-name',
    role: 'VerifyRole',
    needs: [['cloudformation:DescribeStacks', PREVIEW]],
  },
];

const GITHUB = join(REPOSITORY_ROOT, '.github');
const found = readdirSync(GITHUB, { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.(yml|sh)$/.test(path))
  .flatMap((path) =>
    readFileSync(join(GITHUB, path), 'utf8')
      .split('\n')
      .filter((line) => !line.trimStart().startsWith('#'))
      .flatMap((line) => [...line.matchAll(/\baws [a-z0-9-]+ [a-z][a-z-]+(?: .*)?$/g)].map(([command]) => ({ path, command }))),
  );
const isListed = ({ path, command }: { path: string; command: string }) =>
  COMMANDS.some((each) => each.file === path && command.startsWith(each.command));

const account = JSON.parse(CHECKED_IN.find(({ path }) => path.includes('PreviewAccount'))?.synthesise() ?? '{}') as {
  Resources: Record<string, Resource>;
};
function statements(role: string): Statement[] {
  const [, properties] = Object.entries(account.Resources).find(([id, { Type }]) => Type === 'AWS::IAM::Role' && id.startsWith(role)) ?? [];
  const policies = (properties?.Properties?.['Policies'] ?? []) as { PolicyDocument: unknown }[];
  return policies.flatMap(({ PolicyDocument }) => resolve<{ Statement: Statement[] }>(PolicyDocument, account.Resources, 'PreviewAccount').Statement);
}
/** What AWS knows of a request of the workflows, and CloudFormation of a preview that it is about. */
const CONTEXT = { 'aws:RequestedRegion': REGION, 'aws:ResourceTag/preview': 'true', 'aws:ResourceTag/repo-id': '2' };

describe('the AWS commands of the workflows', () => {
  test('are all known here, with what they need', () => {
    expect(found.length).toBeGreaterThan(4);
    expect(found.filter((each) => !isListed(each)), 'say in COMMANDS what AWS asks for').toEqual([]);
  });

  test.each(COMMANDS)('$command is run by $file, and $role may', ({ file, command, role, needs }) => {
    expect(found.some((each) => each.path === file && each.command.startsWith(command)), 'nothing runs it').toBe(true);
    for (const [action, resource] of needs) {
      expect(allows(statements(role), action, resource, CONTEXT), action).toBe(true);
    }
  });

  test('are run by a role that reads of no stack in another region', () => {
    const reads = (region: string) =>
      allows(statements('TeardownRole'), 'cloudformation:DescribeStacks', `arn:aws:cloudformation:${region}:${ACCOUNT}:stack/Payroll/1`, { 'aws:RequestedRegion': region });
    expect([REGION, 'us-east-1'].map(reads)).toEqual([true, false]);
  });

  test('are run by a role that may not do more to a stack than that', () => {
    const used = new Set(COMMANDS.filter(({ role }) => role === 'TeardownRole').flatMap(({ needs }) => needs.map(([action]) => action)));
    expect(new Set(statements('TeardownRole').flatMap(({ Action }) => Action))).toEqual(used);
  });
});
