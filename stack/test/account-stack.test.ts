import { Template } from 'aws-cdk-lib/assertions';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readAccountSettings } from '../lib/account-settings.ts';
import { AccountStack, DEPLOY_ENVIRONMENT, VERIFY_ENVIRONMENT } from '../lib/account-stack.ts';
import { newApp } from '../lib/app.ts';
import { REPOSITORY_ROOT } from '../lib/paths.ts';
import { withTemporaryDirectory } from '../lib/temporary-directory.ts';

const CONTEXT = { repo: 'octo-org/some.repo_1', ownerId: '123456', repoId: 456789 };

interface Statement {
  readonly Action: string | string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}
interface Role {
  readonly Properties: {
    readonly AssumeRolePolicyDocument: { readonly Statement: (Statement & { Principal: unknown })[] };
    readonly ManagedPolicyArns?: unknown;
    readonly Policies: { readonly PolicyDocument: { readonly Statement: Statement[] } }[];
  };
}

function synthesise(context: Record<string, unknown> = CONTEXT) {
  const template = withTemporaryDirectory((outdir) => {
    const app = newApp({ outdir });
    const stack = new AccountStack(app, readAccountSettings((key) => context[key]));
    return Template.fromJSON(app.synth().getStackArtifact(stack.artifactId).template as object);
  });
  const roles = Object.entries(template.findResources('AWS::IAM::Role')) as unknown as [string, Role][];
  const role = (name: string) => roles.find(([id]) => id.startsWith(name))?.[1].Properties as Role['Properties'];
  return { template, deploy: role('DeployRole'), verify: role('VerifyRole') };
}

const { template, deploy, verify } = synthesise();
const statements = (role: Role['Properties']) => role.Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
const actions = (role: Role['Properties']) => statements(role).flatMap(({ Action }) => Action);

/** An ARN with its tokens in angle brackets. */
function text(resource: unknown): string {
  if (typeof resource === 'string') {
    return resource;
  }
  const parts = (resource as { 'Fn::Join': [string, (string | { Ref: string })[]] })['Fn::Join'][1];
  return parts.map((part) => (typeof part === 'string' ? part : `<${part.Ref.replace('AWS::', '')}>`)).join('');
}
const resources = (role: Role['Properties']) => statements(role).flatMap(({ Resource }) => [Resource].flat().map(text));

describe('who is trusted', () => {
  test.each([
    ['deploy', deploy, DEPLOY_ENVIRONMENT],
    ['verify', verify, VERIFY_ENVIRONMENT],
  ])('with the role to %s: the one repository, in the environment of that job', (_name, role, environment) => {
    expect(role.AssumeRolePolicyDocument.Statement).toEqual([
      {
        Action: 'sts:AssumeRoleWithWebIdentity',
        Effect: 'Allow',
        Principal: { Federated: { Ref: Object.keys(template.findResources('AWS::IAM::OIDCProvider'))[0] } },
        Condition: {
          StringEquals: {
            'token.actions.githubusercontent.com:aud': 'sts.amazonaws.com',
            'token.actions.githubusercontent.com:repository_id': '456789',
            'token.actions.githubusercontent.com:sub': [
              `repo:octo-org@123456/some.repo_1@456789:environment:${environment}`,
              `repo:octo-org/some.repo_1:environment:${environment}`,
            ],
          },
        },
      },
    ]);
  });

  test('has no default, and no wildcard', () => {
    for (const key of ['repo', 'ownerId', 'repoId']) {
      const without = Object.fromEntries(Object.entries(CONTEXT).filter(([name]) => name !== key));
      expect(() => readAccountSettings((name) => (without as Record<string, unknown>)[name])).toThrow(
        `the context value ${key} is missing`,
      );
    }
    for (const [key, value] of [['repo', 'octo-org/*'], ['ownerId', '*'], ['repoId', '0']]) {
      expect(() => readAccountSettings((name) => (name === key ? value : (CONTEXT as Record<string, unknown>)[name]))).toThrow(
        `the context value ${key} must be`,
      );
    }
  });

  test('may be known to the account already', () => {
    const oidcProvider = 'arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com';
    const reusing = synthesise({ ...CONTEXT, oidcProvider });
    reusing.template.resourceCountIs('AWS::IAM::OIDCProvider', 0);
    expect(reusing.deploy.AssumeRolePolicyDocument.Statement[0]?.Principal).toEqual({ Federated: oidcProvider });
  });

  test('are the environments that the workflows name', () => {
    const workflow = (name: string) => readFileSync(join(REPOSITORY_ROOT, '.github', 'workflows', name), 'utf8');
    const environments = (text: string) => [...text.matchAll(/^ {4}environment:(?:\n {6}name:)? (\S+)$/gm)].map(([, name]) => name);
    expect(environments(workflow('preview.yml'))).toEqual([DEPLOY_ENVIRONMENT, VERIFY_ENVIRONMENT]);
    expect(environments(workflow('teardown.yml'))).toEqual([DEPLOY_ENVIRONMENT]);
    expect(environments(workflow('sweep.yml'))).toEqual([DEPLOY_ENVIRONMENT]);
  });
});

describe('what they may do', () => {
  test('to deploy: take the roles of the bootstrap, and delete previews', () => {
    expect(actions(deploy)).toEqual([
      'sts:AssumeRole',
      'cloudformation:DeleteStack',
      'cloudformation:DescribeStackEvents',
      'cloudformation:DescribeStacks',
    ]);
    expect(resources(deploy)).toEqual([
      'arn:<Partition>:iam::<AccountId>:role/cdk-hnb659fds-deploy-role-<AccountId>-<Region>',
      'arn:<Partition>:iam::<AccountId>:role/cdk-hnb659fds-file-publishing-role-<AccountId>-<Region>',
      'arn:<Partition>:cloudformation:<Region>:<AccountId>:stack/Stack-PR*/*',
      'arn:<Partition>:cloudformation:<Region>:<AccountId>:stack/Stack-PR*/*',
      '*',
    ]);
    expect(statements(deploy).find(({ Action }) => Action === 'cloudformation:DeleteStack')?.Condition).toEqual({
      StringEquals: { 'aws:ResourceTag/preview': 'true' },
    });
  });

  test('to verify: what a check needs, and nothing else', () => {
    // The verifier's own list, which its tests compare with what a check really calls.
    const list = readFileSync(join(REPOSITORY_ROOT, 'verifier/core/src/iam.rs'), 'utf8');
    const [, permissions = ''] = /pub const CHECK: \[Permission; \d+\] = \[(.*?)\n\];/s.exec(list) ?? [];
    const needed = [...permissions.matchAll(/"([a-z]+:[A-Z]\w+)"/g)].map(([, action]) => action);
    expect(needed.length).toBeGreaterThan(5);
    expect([...new Set(actions(verify))].sort()).toEqual([...new Set(needed)].sort());
  });

  test('to verify: change nothing but the messages of a dead-letter queue', () => {
    const reads = /^\w+:(Describe|Filter|Get|List)/;
    const changes = statements(verify).filter(({ Action }) => [Action].flat().some((action) => !reads.test(action)));
    expect(changes.map(({ Action, Resource }) => [Action, text(Resource)])).toEqual([
      [
        ['sqs:ChangeMessageVisibility', 'sqs:DeleteMessage', 'sqs:ReceiveMessage'],
        'arn:<Partition>:sqs:<Region>:<AccountId>:Stack-PR*-JobsDeadLetterQueue*',
      ],
    ]);
  });

  test('nothing more: they have no managed policy, and only reading is allowed on everything', () => {
    for (const role of [deploy, verify]) {
      expect(role).not.toHaveProperty('ManagedPolicyArns');
      const everywhere = statements(role).filter(({ Resource }) => Resource === '*');
      for (const action of everywhere.flatMap(({ Action }) => Action)) {
        expect(action).toMatch(/^\w+:(Describe|List)/);
      }
    }
  });
});
