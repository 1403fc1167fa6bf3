import { Template } from 'aws-cdk-lib/assertions';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readAccountSettings } from '../lib/account-settings.ts';
import {
  AccountStack,
  CHAOS_ENVIRONMENT,
  CHAOS_SESSION,
  DEPLOY_ENVIRONMENT,
  TEARDOWN_ENVIRONMENT,
  VERIFY_ENVIRONMENT,
} from '../lib/account-stack.ts';
import { newApp } from '../lib/app.ts';
import { BOTS } from '../lib/bots.ts';
import { REPOSITORY_ROOT } from '../lib/paths.ts';
import { withTemporaryDirectory } from '../lib/temporary-directory.ts';
import { type Statement as PolicyStatement, allows } from './policies.ts';

const CONTEXT = { repo: 'octo-org/some.repo_1', ownerId: '123456', repoId: 456789, budgetEmail: 'me@example.org', defaultBranch: 'trunk' };

interface Statement {
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource: unknown;
  readonly Condition?: unknown;
}
interface Role {
  readonly Properties: {
    readonly AssumeRolePolicyDocument: { readonly Statement: (Statement & { Principal: unknown })[] };
    readonly ManagedPolicyArns?: unknown;
    readonly MaxSessionDuration?: number;
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
  return {
    template,
    deploy: role('DeployRole'),
    teardown: role('TeardownRole'),
    verify: role('VerifyRole'),
    chaos: role('ChaosRole'),
  };
}

const { template, deploy, teardown, verify, chaos } = synthesise();
const statements = (role: Role['Properties']) => role.Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
const actions = (role: Role['Properties']) => statements(role).flatMap(({ Action }) => Action);

/** A list of ARNs with their tokens in angle brackets. */
function texts(resource: unknown): string[] {
  if (Array.isArray(resource)) {
    return resource.flatMap(texts);
  }
  const split = (resource as { 'Fn::Split'?: [string, unknown] })['Fn::Split'];
  return split === undefined ? [text(resource)] : text(split[1]).split(split[0]);
}

function text(resource: unknown): string {
  if (typeof resource === 'string') {
    return resource;
  }
  const { 'Fn::Sub': sub, 'Fn::GetAtt': attribute, 'Fn::Join': join } = resource as {
    'Fn::Sub'?: string | [string, Record<string, unknown>];
    'Fn::GetAtt'?: [string, string];
    'Fn::Join'?: [string, (string | { Ref: string })[]];
  };
  if (attribute !== undefined) {
    return `<${attribute.join('.').replace(/[0-9A-F]{8}\./, '.')}>`;
  }
  if (join !== undefined) {
    return join[1].map((part) => (typeof part === 'string' ? part : `<${part.Ref.replace('AWS::', '')}>`)).join('');
  }
  const [pattern = '', variables = {}] = [sub].flat() as [string?, Record<string, unknown>?];
  return pattern.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => text(variables[name])).replaceAll(/\$\{AWS::(\w+)\}/g, '<$1>');
}
const resources = (role: Role['Properties']) => statements(role).flatMap(({ Resource }) => texts(Resource));
/** One pattern for each digit that a pull request's number can begin with, in place of the `#`. */
const numbered = (pattern: string) => [1, 2, 3, 4, 5, 6, 7, 8, 9].map((digit) => pattern.replace('#', String(digit)));

/** Whether a role trusts a token: one of the environment `preview`, with these claims in place of its own. */
function trusts(role: Role['Properties'], claims: Record<string, string>): boolean {
  const trust = role.AssumeRolePolicyDocument.Statement.map((each) => ({ ...each, Effect: 'Allow', Resource: '*' }));
  const token = {
    aud: 'sts.amazonaws.com',
    repository_id: '456789',
    sub: 'repo:octo-org/some.repo_1:environment:preview',
    actor: 'octocat',
    ref: 'refs/heads/trunk',
    ...claims,
  };
  const context = Object.entries(token).map(([claim, value]) => [`token.actions.githubusercontent.com:${claim}`, value]);
  return allows(trust as unknown as PolicyStatement[], 'sts:AssumeRoleWithWebIdentity', '*', Object.fromEntries(context));
}

describe('who is trusted', () => {
  test.each([
    ['deploy', deploy, DEPLOY_ENVIRONMENT, 'no bots'],
    ['tear down', teardown, TEARDOWN_ENVIRONMENT, 'bots too'],
    ['verify', verify, VERIFY_ENVIRONMENT, 'no bots'],
    ['break', chaos, CHAOS_ENVIRONMENT, 'no bots'],
  ])('with the role to %s: the one repository, in the environment %s of that job, %s', (_name, role, environment, bots) => {
    expect(role.AssumeRolePolicyDocument.Statement).toEqual([
      {
        Action: 'sts:AssumeRoleWithWebIdentity',
        Effect: 'Allow',
        Principal: { Federated: { Ref: Object.keys(template.findResources('AWS::IAM::OIDCProvider'))[0] } },
        Condition: {
          StringEquals: {
            'token.actions.githubusercontent.com:aud': 'sts.amazonaws.com',
            'token.actions.githubusercontent.com:repository_id': '456789',
            ...(environment === TEARDOWN_ENVIRONMENT && { 'token.actions.githubusercontent.com:ref': 'refs/heads/trunk' }),
          },
          StringLike: {
            'token.actions.githubusercontent.com:sub': [
              `repo:octo-org/some.repo_1:environment:${environment}`,
              `repo:*@123456/*@456789:environment:${environment}`,
            ],
          },
          ...(bots === 'no bots' && { StringNotLike: { 'token.actions.githubusercontent.com:actor': [...BOTS] } }),
        },
      },
    ]);
  });

  test.each([
    ['dependabot[bot]', false],
    ['renovate[bot]', false],
    ['some-app[bot]', false],
    ['dependabot', false],
    ['Copilot', false],
    ['copilotess', true],
    ['renovate-bot', false],
    ['octocat', true],
    ['robotnik', true],
    ['renovated', true],
  ])('a run of %s may deploy: %s', (actor, expected) => {
    expect(trusts(deploy, { actor })).toBe(expected);
    expect(trusts(verify, { actor, sub: `repo:octo-org/some.repo_1:environment:${VERIFY_ENVIRONMENT}` })).toBe(expected);
    // What chaos.yml breaks is what it deployed before, so that the two roles refuse the same runs.
    expect(trusts(chaos, { actor, sub: `repo:octo-org/some.repo_1:environment:${CHAOS_ENVIRONMENT}` })).toBe(expected);
    expect(trusts(teardown, { actor, sub: `repo:octo-org/some.repo_1:environment:${TEARDOWN_ENVIRONMENT}` })).toBe(true);
  });

  test.each([
    ['the name alone, of an older repository', true, {}],
    ['names and ids', true, { sub: 'repo:octo-org@123456/some.repo_1@456789:environment:preview' }],
    ['another name of the repository', true, { sub: 'repo:octo-org@123456/renamed@456789:environment:preview' }],
    ['other names of owner and repository', true, { sub: 'repo:new-org@123456/renamed@456789:environment:preview' }],
    ['another environment', false, { sub: 'repo:octo-org/some.repo_1:environment:other' }],
    ['another environment after a rename', false, { sub: 'repo:octo-org@123456/renamed@456789:environment:other' }],
    ['no environment', false, { sub: 'repo:octo-org@123456/some.repo_1@456789:ref:refs/heads/main' }],
    ['a repository that took the name', false, { repository_id: '1' }],
    ['a repository that took the names, with its ids', false, { repository_id: '1', sub: 'repo:octo-org@2/some.repo_1@1:environment:preview' }],
    ['another repository whose subject fits', false, { repository_id: '1', sub: 'repo:a@1/b@1:environment:x@123456/y@456789:environment:preview' }],
    ['the repository at another owner', false, { sub: 'repo:mallory@9/some.repo_1@456789:environment:preview' }],
    ['ids that only end alike', false, { sub: 'repo:octo-org@9123456/some.repo_1@456789:environment:preview' }],
    ['names alone after a rename', false, { sub: 'repo:octo-org/renamed:environment:preview' }],
    ['another audience', false, { aud: 'https://github.com/octo-org' }],
  ])('a token with %s is trusted: %s', (_name, expected, claims) => {
    expect(trusts(deploy, claims)).toBe(expected);
    const { sub = 'repo:octo-org/some.repo_1:environment:preview', ...others } = claims as Record<string, string>;
    expect(trusts(teardown, { ...others, sub: sub.replace(/:preview$/, `:${TEARDOWN_ENVIRONMENT}`) })).toBe(expected);
  });

  test('for one task and not for the others', () => {
    const environments = [DEPLOY_ENVIRONMENT, TEARDOWN_ENVIRONMENT, VERIFY_ENVIRONMENT, CHAOS_ENVIRONMENT];
    const trusted = (role: Role['Properties']) =>
      environments.filter((environment) => trusts(role, { sub: `repo:octo-org/some.repo_1:environment:${environment}` }));
    expect([deploy, teardown, verify, chaos].map(trusted)).toEqual(environments.map((each) => [each]));
  });

  const TEARDOWN = { sub: `repo:octo-org/some.repo_1:environment:${TEARDOWN_ENVIRONMENT}` };
  test.each([
    ['refs/heads/trunk', true],
    ['refs/heads/trunk2', false],
    ['refs/heads/feature', false],
    ['refs/tags/trunk', false],
    ['refs/pull/7/merge', false],
  ])('with the role to tear down: a run of %s, since every other branch has its own workflows: %s', (ref, expected) => {
    expect(trusts(teardown, { ...TEARDOWN, ref })).toBe(expected);
    // The others run on a pull request's merge.
    expect(trusts(deploy, { ref })).toBe(true);
    // Without the setting, what the environment's rules say.
    const { defaultBranch: _, ...without } = CONTEXT;
    expect(trusts(synthesise(without).teardown, { ...TEARDOWN, ref })).toBe(true);
  });

  // `git check-ref-format --branch` takes each of them.
  test.each(['dev#1', 'release+1', 'über', '@next', 'feature/x=1', 'v1,2', 'a(b)!', "it's"])('takes the default branch %j', (value) => {
    expect(readAccountSettings((name) => (name === 'defaultBranch' ? value : (CONTEXT as Record<string, unknown>)[name])).defaultBranch).toBe(value);
  });

  // The last two are branches for git, and nothing for a trust policy.
  test.each(['*', 'refs heads', '-x', '', 'a:b', 'a[b', 'a\\b', 'a\tb', '${aws:username}', '日本'])('refuses the default branch %j', (value) => {
    expect(() => readAccountSettings((name) => (name === 'defaultBranch' ? value : (CONTEXT as Record<string, unknown>)[name]))).toThrow(
      'the context value defaultBranch must be',
    );
  });

  test('is said by an output, by which the quick start knows whose the account is', () => {
    expect(template.findOutputs('RepositoryId')).toMatchObject({ RepositoryId: { Value: '456789' } });
    expect(template.findOutputs('Qualifier')).toMatchObject({ Qualifier: { Value: 'hnb659fds' } });
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

  test('by a provider that stays when the stack is deleted, since other roles of the account may trust it by now', () => {
    const [provider] = Object.values(template.findResources('AWS::IAM::OIDCProvider'));
    // One that this deployment made goes when it fails, and nothing else.
    expect(provider).toMatchObject({ DeletionPolicy: 'RetainExceptOnCreate', UpdateReplacePolicy: 'Retain' });
  });

  test('are the environments that the workflows name', () => {
    const workflow = (name: string) => readFileSync(join(REPOSITORY_ROOT, '.github', 'workflows', name), 'utf8');
    const environments = (text: string) => [...text.matchAll(/^ {4}environment:(?:\n {6}name:)? (\S+)$/gm)].map(([, name]) => name);
    expect(environments(workflow('preview.yml'))).toEqual([DEPLOY_ENVIRONMENT, VERIFY_ENVIRONMENT]);
    expect(environments(workflow('teardown.yml'))).toEqual([TEARDOWN_ENVIRONMENT]);
    expect(environments(workflow('sweep.yml'))).toEqual([TEARDOWN_ENVIRONMENT]);
    expect(environments(workflow('chaos.yml'))).toEqual([DEPLOY_ENVIRONMENT, CHAOS_ENVIRONMENT]);
  });
});

describe('what they may do', () => {
  test("to deploy: take the account's own role, and the bootstrap's that uploads, but not the bootstrap's that deploys", () => {
    expect(actions(deploy)).toEqual(['sts:AssumeRole']);
    expect(resources(deploy)).toEqual([
      '<DeploymentDeploymentRole.Arn>',
      'arn:<Partition>:iam::<AccountId>:role/cdk-hnb659fds-file-publishing-role-<AccountId>-<Region>',
    ]);
  });

  test('to tear down: delete previews, and none that says it is of another repository', () => {
    expect(actions(teardown)).toEqual([
      'cloudformation:DeleteStack',
      'cloudformation:DeleteStack',
      'cloudformation:DeleteStack',
      'cloudformation:DescribeStackEvents',
      'cloudformation:DescribeStacks',
      'cloudformation:ListStacks',
    ]);
    const stacks = numbered('arn:<Partition>:cloudformation:<Region>:<AccountId>:stack/Stack-PR#*/*');
    expect(resources(teardown)).toEqual([...stacks, '*', ...stacks, ...stacks, '*']);
    const deletes = statements(teardown).map((each) => ({ ...each, Resource: '*' })) as unknown as PolicyStatement[];
    const may = (tags: Record<string, string>) =>
      allows(
        deletes,
        'cloudformation:DeleteStack',
        '*',
        Object.fromEntries(Object.entries(tags).map(([key, value]) => [`aws:ResourceTag/${key}`, value])),
      );
    expect(may({ preview: 'true', 'repo-id': '456789' })).toBe(true);
    expect(may({ preview: 'true' })).toBe(true);
    expect(may({ preview: 'true', 'repo-id': '1' })).toBe(false);
    expect(may({ 'repo-id': '456789' })).toBe(false);
    // What has no id is known by the name, as the tutorial's previews and the oldest of this project.
    expect(may({ preview: 'true', repo: CONTEXT.repo })).toBe(true);
    expect(may({ preview: 'true', repo: 'another/one' })).toBe(false);
    expect(may({ preview: 'true', repo: 'former/name', 'repo-id': '456789' })).toBe(true);
    expect(may({ preview: 'false' })).toBe(false);
    // A change set that was never executed may have left a stack without tags; delete.sh sees whether it did.
    expect(may({})).toBe(true);
    for (const tag of ['preview', 'repo', 'repo-id']) {
      expect(may({ [tag]: 'another' }), tag).toBe(false);
    }
  });

  test('to break: nothing but the stack of chaos.yml, for longer than the job', () => {
    for (const { Action, Resource, Condition } of statements(chaos)) {
      if ([Action].flat().some((action) => !/^\w+:(Describe|List)/.test(action)) && Condition === undefined) {
        for (const resource of texts(Resource)) {
          expect(resource).toMatch(/[:/]Stack-PR999999999-/);
        }
      }
    }
    expect(chaos.MaxSessionDuration).toBe(CHAOS_SESSION.toSeconds());
    const workflow = readFileSync(join(REPOSITORY_ROOT, '.github', 'workflows', 'chaos.yml'), 'utf8');
    const job = workflow.slice(workflow.indexOf('\n  experiment:'), workflow.indexOf('\n  delete:'));
    const [, minutes] = /^ {4}timeout-minutes: (\d+)$/m.exec(job) ?? [];
    const [, session] = /role-duration-seconds: (\d+)$/m.exec(job) ?? [];
    // The session begins within the job, so that one as long as the job outlives it.
    expect(Number(session)).toBeGreaterThan(Number(minutes) * 60);
    expect(Number(session)).toBeLessThanOrEqual(CHAOS_SESSION.toSeconds());
    const [, step] = /^ {8}timeout-minutes: (\d+)$/m.exec(job) ?? [];
    expect(Number(minutes) - Number(step), 'minutes to restore what an experiment left').toBeGreaterThanOrEqual(15);
  });

  test('to verify: what a check needs, and nothing else', () => {
    // The verifier's own list, which its tests compare with what a check really calls.
    const list = readFileSync(join(REPOSITORY_ROOT, 'verifier/core/src/iam/commands.rs'), 'utf8');
    const [, permissions = ''] = /pub const CHECK: \[Permission; \d+\] = \[(.*?)\n\];/s.exec(list) ?? [];
    const needed = [...permissions.matchAll(/"([a-z]+:[A-Z]\w+)"/g)].map(([, action]) => action);
    expect(needed.length).toBeGreaterThan(5);
    expect([...new Set(actions(verify))].sort()).toEqual([...new Set(needed)].sort());
  });

  test('to verify: change nothing but the messages of a dead-letter queue', () => {
    const reads = /^\w+:(Describe|Filter|Get|List)/;
    const changes = statements(verify).filter(({ Action }) => [Action].flat().some((action) => !reads.test(action)));
    expect(changes.map(({ Action, Resource }) => [Action, texts(Resource)])).toEqual([
      [
        ['sqs:ChangeMessageVisibility', 'sqs:DeleteMessage', 'sqs:ReceiveMessage'],
        numbered('arn:<Partition>:sqs:<Region>:<AccountId>:Stack-PR#*-JobsDeadLetterQueue*'),
      ],
    ]);
  });

  test('to verify: nothing of what is not a preview, whatever it is called', () => {
    for (const resource of resources(verify)) {
      expect(resource === '*' || /[:/]Stack-PR[1-9]\*/.test(resource), resource).toBe(true);
    }
  });

  test('nothing more: they have no managed policy, and only reading is allowed on everything', () => {
    for (const role of [deploy, teardown, verify, chaos]) {
      expect(role).not.toHaveProperty('ManagedPolicyArns');
      const everywhere = statements(role).filter(({ Effect, Resource }) => Effect === 'Allow' && Resource === '*');
      for (const action of everywhere.flatMap(({ Action }) => Action)) {
        expect(action).toMatch(/^\w+:(Describe|List)/);
      }
    }
  });
});

describe('the budget', () => {
  const budget = (context: Record<string, unknown>) => {
    const [found] = Object.values(synthesise({ ...CONTEXT, ...context }).template.findResources('AWS::Budgets::Budget'));
    return found?.['Properties'] as { Budget: unknown; NotificationsWithSubscribers?: { Subscribers: unknown }[] };
  };

  test('has a limit a month, and tells by e-mail and by a topic', () => {
    const budgetTopic = 'arn:aws:sns:us-east-1:123456789012:costs';
    const { Budget, NotificationsWithSubscribers } = budget({ budget: 50, budgetTopic });
    expect(Budget).toEqual({ BudgetType: 'COST', TimeUnit: 'MONTHLY', BudgetLimit: { Amount: 50, Unit: 'USD' } });
    const notification = { ComparisonOperator: 'GREATER_THAN', ThresholdType: 'PERCENTAGE' };
    const Subscribers = [
      { SubscriptionType: 'EMAIL', Address: 'me@example.org' },
      { SubscriptionType: 'SNS', Address: budgetTopic },
    ];
    expect(NotificationsWithSubscribers).toEqual([
      { Notification: { ...notification, NotificationType: 'ACTUAL', Threshold: 80 }, Subscribers },
      { Notification: { ...notification, NotificationType: 'FORECASTED', Threshold: 100 }, Subscribers },
    ]);
  });

  test('is left out where that is said, as for regions that do not know its type, and nothing else is', () => {
    const resources = (context: Record<string, unknown>) => synthesise({ ...CONTEXT, ...context }).template.toJSON()['Resources'] as Record<string, { Type: string }>;
    const all = Object.entries(resources({}));
    const rest = all.filter(([, { Type }]) => Type !== 'AWS::Budgets::Budget');
    expect(rest).toHaveLength(all.length - 1);
    expect(resources({ budget: 'none' })).toEqual(Object.fromEntries(rest));
  });

  test('is missed where it is left out: a warning says how to make one', () => {
    const warnings = (context: Record<string, unknown>) => withTemporaryDirectory((outdir) => {
      const app = newApp({ outdir });
      new AccountStack(app, readAccountSettings((key) => ({ ...CONTEXT, ...context })[key]));
      return app.synth().getStackByName('PreviewAccount').messages.map(({ entry }) => String(entry.data)).join('\n');
    });
    expect(warnings({ budget: 'none' })).toMatch(/no budget.*by hand.*Billing and Cost Management/);
    expect(warnings({ budget: 30 })).not.toContain('budget');
  });

  test('is all that the linter does not look for in every region', () => {
    const ignored = Object.values(template.toJSON()['Resources'] as Record<string, { Type: string; Metadata?: Record<string, unknown> }>).filter(({ Metadata }) => JSON.stringify(Metadata ?? {}).includes('E3006'));
    expect(ignored.map(({ Type, Metadata }) => [Type, Metadata?.['cfn-lint']])).toEqual([['AWS::Budgets::Budget', { config: { ignore_checks: ['E3006'] } }]]);
    const settings = readFileSync(join(REPOSITORY_ROOT, 'stack', '.cfnlintrc.yaml'), 'utf8');
    // The first knows budgets, the others do not.
    for (const region of ['us-east-1', 'eu-north-1', 'eu-central-2', 'ap-southeast-5']) {
      expect(settings).toContain(`\n  - ${region}\n`);
    }
  });

  test('is there without anybody to tell, and tells nobody', () => {
    const { Budget, NotificationsWithSubscribers } = budget({ budgetEmail: undefined });
    expect(Budget).toMatchObject({ BudgetLimit: { Amount: 20, Unit: 'USD' } });
    expect(NotificationsWithSubscribers).toBeUndefined();
  });

  test.each([['budget', '0'], ['budget', '1.5'], ['budget', 'nothing'], ['budgetEmail', 'me'], ['budgetTopic', 'costs']])('refuses %s = %s', (key, value) => {
    expect(() => readAccountSettings((name) => (name === key ? value : (CONTEXT as Record<string, unknown>)[name]))).toThrow(
      `the context value ${key} must be`,
    );
  });
});
