import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readAccountSettings } from '../lib/account-settings.ts';
import { AccountStack } from '../lib/account-stack.ts';
import { newApp } from '../lib/app.ts';
import { PreviewStack } from '../lib/preview-stack.ts';
import { readSettings } from '../lib/settings.ts';
import { EXAMPLE_REPOSITORY } from '../lib/template.ts';
import { withTemporaryDirectory } from '../lib/temporary-directory.ts';
import { type Decide, deploy } from './fake-aws.ts';
import { ACCOUNT, REGION, type Statement, allows, resolve } from './policies.ts';
import type { Resource } from './support.ts';

const ENVIRONMENT = { acct: ACCOUNT, reg: REGION };

function account(context: Record<string, unknown> = {}) {
  const all: Record<string, unknown> = { ...EXAMPLE_REPOSITORY, ...context };
  return withTemporaryDirectory((outdir) => {
    const app = newApp({ outdir });
    const stack = new AccountStack(app, readAccountSettings((key) => all[key]));
    const { Resources } = app.synth().getStackArtifact(stack.artifactId).template as { Resources: Record<string, Resource> };
    const role = (name: string) => {
      const properties = Object.entries(Resources).find(([id, { Type }]) => Type === 'AWS::IAM::Role' && id.startsWith(name))?.[1].Properties;
      return resolve<{
        RoleName?: string;
        AssumeRolePolicyDocument: { Statement: Statement[] };
        ManagedPolicyArns?: string[];
        Policies?: { PolicyDocument: { Statement: Statement[] } }[];
      }>(properties, Resources, 'PreviewAccount');
    };
    const statements = (name: string) => (role(name).Policies ?? []).flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
    const policies = Object.keys(Resources).filter((id) => Resources[id]?.Type === 'AWS::IAM::ManagedPolicy' && /Execution/.test(id));
    return { Resources, role, statements, executionPolicies: policies.map((id) => `arn:aws:iam::${ACCOUNT}:policy/${id}`) };
  });
}

const arn = (role: string) => `arn:aws:iam::${ACCOUNT}:role/${role}`;
const stackArn = (name: string) => `arn:aws:cloudformation:${REGION}:${ACCOUNT}:stack/${name}/1-2`;
const [EXECUTION, DEPLOYMENT] = [arn(`preview-hnb659fds-execution-${REGION}`), arn(`preview-hnb659fds-deployment-${REGION}`)];
const PREVIEWS = ['Stack-PR1', 'Stack-PR23', 'Stack-PR987654321', 'Stack-PR999999999'];
const OTHERS = ['CDKToolkit', 'CDKToolkit-previews', 'PreviewAccount', 'Orders', 'Stack-PROD', 'Stack-PRX1', 'My-Stack-PR7', 'Stack-PR'];
/** Whatever changes a stack as a role, and whatever else changes one. */
const CHANGES = ['CreateChangeSet', 'CreateStack', 'UpdateStack', 'RollbackStack', 'ContinueUpdateRollback'];
const SETTLES = ['ExecuteChangeSet', 'DeleteChangeSet', 'DeleteStack', 'UpdateTerminationProtection'];
const READS = ['DescribeStacks', 'DescribeStackEvents', 'DescribeStackResources', 'DescribeChangeSet', 'GetTemplate'];

const { Resources, role, statements, executionPolicies } = account();
const deployment = statements('DeploymentDeploymentRole');
const may = (action: string, resource: string, context: Record<string, string> = {}, by = deployment) => allows(by, action, resource, context);
const AS = (executionRole: string) => ({ 'cloudformation:RoleArn': executionRole });

describe('the role that talks to CloudFormation', () => {
  test.each(PREVIEWS)('deploys %s: changes it as the execution role, and reads and settles it', (name) => {
    for (const action of [...CHANGES, ...SETTLES, ...READS]) {
      expect(may(`cloudformation:${action}`, stackArn(name), AS(EXECUTION)), action).toBe(true);
    }
    expect(may('iam:PassRole', EXECUTION, { 'iam:PassedToService': 'cloudformation.amazonaws.com' })).toBe(true);
  });

  test.each(OTHERS)('does nothing to %s', (name) => {
    for (const action of [...CHANGES, ...SETTLES, ...READS]) {
      expect(may(`cloudformation:${action}`, stackArn(name), AS(EXECUTION)), action).toBe(false);
    }
    // Neither does the role that takes it, nor any other of the workflows.
    for (const by of ['DeployRole', 'TeardownRole', 'VerifyRole', 'ChaosRole']) {
      for (const action of [...CHANGES, ...SETTLES]) {
        const tags = { 'aws:ResourceTag/preview': 'true', ...AS(EXECUTION) };
        expect(may(`cloudformation:${action}`, stackArn(name), tags, statements(by)), `${by} ${action}`).toBe(false);
      }
    }
  });

  test('changes no preview as another role, nor as the one that it was deployed with before', () => {
    for (const action of CHANGES) {
      // Without a role in the request, CloudFormation goes on with the one of before.
      expect(may(`cloudformation:${action}`, stackArn('Stack-PR7')), action).toBe(false);
      for (const other of [`cdk-hnb659fds-cfn-exec-role-${ACCOUNT}-${REGION}`, 'Admin', `preview-previews-execution-${REGION}`]) {
        expect(may(`cloudformation:${action}`, stackArn('Stack-PR7'), AS(arn(other))), action).toBe(false);
      }
    }
  });

  test('passes one role, and to CloudFormation', () => {
    const passed = { 'iam:PassedToService': 'cloudformation.amazonaws.com' };
    expect(may('iam:PassRole', EXECUTION, { 'iam:PassedToService': 'lambda.amazonaws.com' })).toBe(false);
    for (const other of [`cdk-hnb659fds-cfn-exec-role-${ACCOUNT}-${REGION}`, 'Admin', 'Stack-PR7-JobsWorkerRole-1']) {
      expect(may('iam:PassRole', arn(other), passed)).toBe(false);
    }
    for (const by of ['DeployRole', 'TeardownRole', 'VerifyRole', 'ChaosRole']) {
      expect(may('iam:PassRole', EXECUTION, passed, statements(by)), by).toBe(false);
    }
  });

  test('leaves alone what is tagged as another repository', () => {
    for (const action of [...CHANGES, ...SETTLES]) {
      const tagged = (id: string) => may(`cloudformation:${action}`, stackArn('Stack-PR7'), { ...AS(EXECUTION), 'aws:ResourceTag/repo-id': id });
      expect([tagged(EXAMPLE_REPOSITORY.repoId), tagged('9')], action).toEqual([true, false]);
      // By its name alone, as the tutorial tags previews.
      const named = (tags: Record<string, string>) => may(`cloudformation:${action}`, stackArn('Stack-PR7'), { ...AS(EXECUTION), ...tags });
      expect(named({ 'aws:ResourceTag/repo': EXAMPLE_REPOSITORY.repo }), action).toBe(true);
      expect(named({ 'aws:ResourceTag/repo': 'another/one' }), action).toBe(false);
      expect(named({ 'aws:ResourceTag/repo': 'former/name', 'aws:ResourceTag/repo-id': EXAMPLE_REPOSITORY.repoId }), action).toBe(true);
    }
  });

  test("reads the template and the bootstrap's version, and no other bucket or parameter", () => {
    const object = (bucket: string) => `arn:aws:s3:::${bucket}-${ACCOUNT}-${REGION}/1a2b.json`;
    const parameter = (name: string) => `arn:aws:ssm:${REGION}:${ACCOUNT}:parameter/${name}`;
    for (const [qualifier, other] of [['hnb659fds', 'previews'], ['previews', 'hnb659fds']] as const) {
      const by = account({ qualifier }).statements('DeploymentDeploymentRole');
      expect(may('s3:GetObject', object(`cdk-${qualifier}-assets`), {}, by)).toBe(true);
      expect(may('s3:GetObject', object(`cdk-${other}-assets`), {}, by)).toBe(false);
      expect(may('s3:PutObject', object(`cdk-${qualifier}-assets`), {}, by)).toBe(false);
      for (const action of ['ssm:GetParameter', 'ssm:GetParameters']) {
        expect(may(action, parameter(`cdk-bootstrap/${qualifier}/version`), {}, by), action).toBe(true);
        expect(may(action, parameter(`cdk-bootstrap/${other}/version`), {}, by), action).toBe(false);
        expect(may(action, parameter('password'), {}, by), action).toBe(false);
      }
    }
  });

  test('names every action, and nothing but stacks, one role, one bucket and one parameter', () => {
    for (const { Action, Resource } of deployment.filter(({ Effect }) => Effect === 'Allow')) {
      expect([Action].flat().filter((action) => action.includes('*'))).toEqual([]);
      expect([Resource].flat()).not.toContain('*');
    }
    const services = new Set(deployment.flatMap(({ Action }) => Action).map((action) => action.split(':')[0]));
    expect([...services].sort()).toEqual(['cloudformation', 'iam', 's3', 'ssm']);
  });
});

describe('the role that CloudFormation takes', () => {
  test('is taken by CloudFormation alone, and has the execution policies and nothing else', () => {
    const { AssumeRolePolicyDocument, ManagedPolicyArns, Policies } = role('DeploymentExecutionRole');
    expect(AssumeRolePolicyDocument.Statement).toEqual([
      { Action: 'sts:AssumeRole', Effect: 'Allow', Principal: { Service: 'cloudformation.amazonaws.com' } },
    ]);
    expect(ManagedPolicyArns).toEqual(executionPolicies);
    expect(executionPolicies).toHaveLength(3);
    expect(Policies).toBeUndefined();
  });

  test('stays with its policies where previews may still need it, but not where the first deployment of the account fails', () => {
    // The provider stays for the sake of others, which test/account-stack.test.ts says.
    const own = Object.entries(Resources).filter(([, { Type }]) => Type !== 'AWS::IAM::OIDCProvider');
    const stays = own.filter(([, each]) => each.UpdateReplacePolicy === 'Retain' && each.DeletionPolicy === 'RetainExceptOnCreate');
    const needed = Object.entries(Resources).filter(([id, { Type }]) => Type === 'AWS::IAM::ManagedPolicy' || id.startsWith('DeploymentExecutionRole'));
    expect(needed.length).toBeGreaterThan(3);
    expect(stays.map(([id]) => id).sort()).toEqual(needed.map(([id]) => id).sort());
  });
});

describe.each([[{}], [{ qualifier: 'previews' }], [ENVIRONMENT], [{ ...ENVIRONMENT, qualifier: 'previews' }]])('a preview, with %j', (context: Record<string, unknown>) => {
  test('names the roles that the account made', () => {
    const made = account(context);
    const artifact = withTemporaryDirectory((outdir) => {
      const app = newApp({ outdir });
      const all: Record<string, unknown> = { placeholder: true, ...context };
      const { artifactId } = new PreviewStack(app, readSettings((key) => all[key]));
      return app.synth().getStackArtifact(artifactId);
    });
    const filled = (text = '') =>
      [['Partition', 'aws'], ['AccountId', ACCOUNT], ['Region', REGION]].reduce((to, [name, value]) => to.replaceAll('${AWS::' + name + '}', value ?? ''), text);
    expect(filled(artifact.assumeRoleArn)).toBe(arn(made.role('DeploymentDeploymentRole').RoleName ?? ''));
    expect(filled(artifact.cloudFormationExecutionRoleArn)).toBe(arn(made.role('DeploymentExecutionRole').RoleName ?? ''));
  });
});

test('the names of the roles fit into what IAM takes, and are none that a preview makes', () => {
  const { RoleName = '' } = account({ qualifier: 'a234567890', acct: ACCOUNT, reg: 'ap-southeast-15' }).role('DeploymentDeploymentRole');
  expect(RoleName.length).toBeLessThanOrEqual(64);
  expect(DEPLOYMENT).not.toMatch(/Stack-PR/);
});

describe("what the CDK's command line asks for", () => {
  const folder = mkdtempSync(join(tmpdir(), 'preview-stack-'));
  beforeAll(() => {
    const app = newApp({ outdir: folder });
    const context: Record<string, unknown> = { placeholder: true, pr: '7', repoId: EXAMPLE_REPOSITORY.repoId };
    new PreviewStack(app, readSettings((key) => context[key]));
    app.synth();
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const publishing = `cdk-hnb659fds-file-publishing-role-${ACCOUNT}-${REGION}`;
  /** What IAM would say, by the policies of the account's stack; the bootstrap's role may do what its template says. */
  const decide: Decide = ({ by, action, resource, context }) =>
    by === publishing
      ? action.startsWith('s3:') && resource.startsWith(`arn:aws:s3:::cdk-hnb659fds-assets-${ACCOUNT}-${REGION}/`)
      : allows(by === 'DeployRole' ? statements('DeployRole') : deployment, action, resource, context);

  test.each([['a new preview', undefined], ['a preview that is there', 'Stack-PR7']])('to deploy %s is allowed, and as these roles alone', { timeout: 120_000 }, async (_name, stack) => {
    const { status, log, calls } = await deploy(folder, 'DeployRole', decide, stack);
    expect(status, log).toBe(0);
    // It asks for the version of the bootstrap's stack, too, and does without.
    expect(calls.filter(({ allowed }) => !allowed).map(({ action, resource }) => `${action} ${resource}`)).toEqual(
      calls.filter(({ resource }) => resource.includes('stack/CDKToolkit/')).map(({ action, resource }) => `${action} ${resource}`),
    );
    const asked = (role: string) => new Set(calls.filter(({ by }) => by === role).map(({ action }) => action));
    expect([...asked('DeployRole')]).toEqual(['sts:AssumeRole']);
    const own = asked(DEPLOYMENT.split('/')[1] ?? '');
    for (const action of ['ssm:GetParameter', 'cloudformation:CreateChangeSet', 'iam:PassRole', 'cloudformation:ExecuteChangeSet']) {
      expect(own).toContain(action);
    }
    expect(new Set(calls.map(({ by }) => by))).toEqual(new Set(['DeployRole', publishing, DEPLOYMENT.split('/')[1]]));
  });

  test('is refused to a run that may not take these roles', { timeout: 120_000 }, async () => {
    const { status, calls } = await deploy(folder, 'DeployRole', (call) => !call.resource.includes('role/preview-') && decide(call));
    expect(status).not.toBe(0);
    expect(calls.some(({ action, allowed }) => allowed && action === 'cloudformation:CreateChangeSet')).toBe(false);
  });
});
