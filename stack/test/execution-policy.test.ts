import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { readAccountSettings } from '../lib/account-settings.ts';
import { AccountStack } from '../lib/account-stack.ts';
import { newApp } from '../lib/app.ts';
import { executionRights } from '../lib/execution-rights.ts';
import { PreviewArns } from '../lib/preview-arns.ts';
import { EXAMPLE_REPOSITORY } from '../lib/template.ts';
import { withTemporaryDirectory } from '../lib/temporary-directory.ts';
import { ACCOUNT, REGION, type Statement, allows, arnOf, resolve } from './policies.ts';
import { Preview, type Resource, defaultPreview } from './support.ts';

const STACK = 'Stack-PR123';
const CUSTOM_ENVIRONMENT = { acct: ACCOUNT, reg: REGION };

function account(context: Record<string, unknown> = {}) {
  const all: Record<string, unknown> = { ...EXAMPLE_REPOSITORY, ...context };
  return withTemporaryDirectory((outdir) => {
    const app = newApp({ outdir });
    const stack = new AccountStack(app, readAccountSettings((key) => all[key]));
    const rights = executionRights({
      arns: new PreviewArns(stack),
      boundaryArn: 'unused',
      sharedHeadersId: 'unused',
      qualifier: readAccountSettings((key) => all[key]).qualifier,
    });
    const artifact = app.synth().getStackArtifact(stack.artifactId);
    const resources = Template.fromJSON(artifact.template as object).toJSON().Resources as Record<string, Resource>;
    const policy = (name: RegExp) =>
      Object.entries(resources)
        .filter(([id, { Type }]) => Type === 'AWS::IAM::ManagedPolicy' && name.test(id))
        .flatMap(([, { Properties }]) =>
          resolve<{ Statement: Statement[] }>(Properties?.['PolicyDocument'], resources, 'PreviewAccount').Statement,
        );
    const documents = Object.values(resources)
      .filter(({ Type }) => Type === 'AWS::IAM::ManagedPolicy')
      .map(({ Properties }) => JSON.stringify(resolve(Properties?.['PolicyDocument'], resources, 'PreviewAccount')));
    const boundary = Object.keys(resources).find((id) => id.includes('Boundary')) ?? '';
    return {
      artifact,
      documents,
      resources,
      types: Object.keys(rights),
      execution: policy(/Execution/),
      boundary: policy(/Boundary/),
      boundaryArn: `arn:aws:iam::${ACCOUNT}:policy/${boundary}`,
    };
  });
}

const { artifact, documents, types, execution, boundary, boundaryArn, resources: accountResources } = account();
const context = {
  'iam:PermissionsBoundary': boundaryArn,
  'iam:PassedToService': 'lambda.amazonaws.com',
  'lambda:FunctionArn': `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${STACK}-JobsWorker-1`,
};

/** What a deployment and a deletion call at least, by the type of the resource; `create` may be before there is an ARN. */
const CALLS: Record<string, { create?: string[]; any?: string[] }> = {
  'AWS::SQS::Queue': { any: ['sqs:CreateQueue', 'sqs:TagQueue', 'sqs:GetQueueAttributes', 'sqs:DeleteQueue'] },
  'AWS::Logs::LogGroup': {
    create: ['logs:DescribeLogGroups'],
    any: ['logs:CreateLogGroup', 'logs:PutRetentionPolicy', 'logs:TagResource', 'logs:DeleteLogGroup'],
  },
  'AWS::IAM::Role': {
    any: ['iam:CreateRole', 'iam:PutRolePolicy', 'iam:TagRole', 'iam:GetRole', 'iam:PassRole', 'iam:DeleteRolePolicy', 'iam:DeleteRole'],
  },
  'AWS::Lambda::Function': {
    any: ['lambda:CreateFunction', 'lambda:GetFunction', 'lambda:TagResource', 'lambda:UpdateFunctionCode', 'lambda:DeleteFunction',
      'lambda:AddPermission', 'lambda:RemovePermission', 'lambda:InvokeFunction'],
  },
  'AWS::Lambda::EventSourceMapping': {
    create: ['lambda:CreateEventSourceMapping'],
    any: ['lambda:UpdateEventSourceMapping', 'lambda:GetEventSourceMapping', 'lambda:TagResource', 'lambda:DeleteEventSourceMapping'],
  },
  'AWS::Lambda::LayerVersion': { any: ['lambda:PublishLayerVersion', 'lambda:GetLayerVersion', 'lambda:DeleteLayerVersion'] },
  'AWS::S3::Bucket': {
    any: ['s3:CreateBucket', 's3:PutBucketTagging', 's3:PutEncryptionConfiguration', 's3:PutBucketPublicAccessBlock',
      's3:PutBucketOwnershipControls', 's3:PutBucketPolicy', 's3:DeleteBucketPolicy', 's3:DeleteBucket'],
  },
  'AWS::CloudFront::ResponseHeadersPolicy': {
    create: ['cloudfront:CreateResponseHeadersPolicy'],
    any: ['cloudfront:GetResponseHeadersPolicy', 'cloudfront:DeleteResponseHeadersPolicy'],
  },
  'AWS::CloudFront::OriginAccessControl': {
    create: ['cloudfront:CreateOriginAccessControl'],
    any: ['cloudfront:GetOriginAccessControl', 'cloudfront:DeleteOriginAccessControl'],
  },
  'AWS::CloudFront::Distribution': {
    create: ['cloudfront:CreateDistribution'],
    any: ['cloudfront:TagResource', 'cloudfront:GetDistribution', 'cloudfront:UpdateDistribution', 'cloudfront:DeleteDistribution'],
  },
  'AWS::ApiGatewayV2::Api': { any: ['apigateway:POST', 'apigateway:GET', 'apigateway:PATCH', 'apigateway:DELETE'] },
  'AWS::ApiGatewayV2::Stage': { create: ['logs:CreateLogDelivery', 'logs:PutResourcePolicy', 'logs:DeleteLogDelivery'] },
  'AWS::CloudWatch::Alarm': {
    // Where composite alarms are asked for as well, AWS wants it for every alarm.
    create: ['cloudwatch:DescribeAlarms'],
    any: ['cloudwatch:PutMetricAlarm', 'cloudwatch:TagResource', 'cloudwatch:DeleteAlarms'],
  },
  'AWS::CloudWatch::Dashboard': { any: ['cloudwatch:PutDashboard', 'cloudwatch:GetDashboard', 'cloudwatch:DeleteDashboards'] },
};

describe('the execution policy of previews', () => {
  test('has every type of resource that a preview has, and no other', () => {
    const inTemplate = new Set(Object.values(defaultPreview.resources).map(({ Type }) => Type));
    const parameters = Object.values(defaultPreview.template.toJSON().Parameters as Record<string, { Type: string }>);
    parameters.map(({ Type }) => Type).filter((type) => type.startsWith('AWS::SSM::')).forEach((type) => inTemplate.add(type));
    expect(types.sort(), 'give the type its rights in lib/execution-rights.ts').toEqual([...inTemplate].sort());
  });

  const previews = [
    ['the default preview', defaultPreview],
    ['one with account and region', new Preview(CUSTOM_ENVIRONMENT)],
  ] as const;
  test.each(previews)('is enough to deploy and to delete %s', (_name, { resources }) => {
    const refused = Object.entries(resources).flatMap(([id, { Type }]) => {
      const { create = [], any = [] } = CALLS[Type] ?? {};
      return [
        ...create.filter((action) => !allows(execution, action, '*', context)),
        ...any.filter((action) => !allows(execution, action, arnOf(id, resources, STACK), context)),
      ].map((action) => `${id}: ${action}`);
    });
    expect(refused).toEqual([]);
  });

  test("tags an API's stages, which AWS asks for by its name and not by its method, and no other API's", () => {
    const paths = ['/apis/a1b2c3', '/apis/a1b2c3/stages', '/apis/a1b2c3/stages/$default', '/tags/arn%3Aaws%3Aapigateway'];
    for (const action of ['apigateway:TagResource', 'apigateway:UntagResource']) {
      for (const path of paths) {
        expect(allows(execution, action, `arn:aws:apigateway:${REGION}::${path}`), `${action} ${path}`).toBe(true);
      }
      for (const path of ['/restapis/prod', '/restapis/prod/stages/live', '/domainnames/example.org']) {
        expect(allows(execution, action, `arn:aws:apigateway:${REGION}::${path}`), `${action} ${path}`).toBe(false);
      }
    }
  });

  test.each([
    ['nothing', [], true],
    ['a topic', [`arn:aws:sns:${REGION}:${ACCOUNT}:on-call`], true],
    ['two topics', [`arn:aws:sns:${REGION}:${ACCOUNT}:on-call`, `arn:aws:sns:${REGION}:210987654321:on-call`], true],
    ['the end of an instance', [`arn:aws:automate:${REGION}:ec2:terminate`], false],
    ['the stop of an instance', [`arn:aws:swf:${REGION}:${ACCOUNT}:action/actions/AWS_EC2.InstanceId.Stop/1.0`], false],
    ['an incident', ['arn:aws:ssm-incidents::123456789012:response-plan/sns'], false],
    ['a function', [`arn:aws:lambda:${REGION}:${ACCOUNT}:function:sns`], false],
    ['a topic, and the end of an instance', [`arn:aws:sns:${REGION}:${ACCOUNT}:on-call`, `arn:aws:automate:${REGION}:ec2:terminate`], false],
  ])('makes alarms that tell topics alone: %s', (_name, actions, expected) => {
    const alarm = `arn:aws:cloudwatch:${REGION}:${ACCOUNT}:alarm:${STACK}-DeadLetters`;
    expect(allows(execution, 'cloudwatch:PutMetricAlarm', alarm, { 'cloudwatch:AlarmActions': actions })).toBe(expected);
  });

  test('reads what the bootstrap uploaded, by its qualifier', () => {
    const asset = (qualifier: string) => `arn:aws:s3:::cdk-${qualifier}-assets-${ACCOUNT}-${REGION}/1a2b.zip`;
    const parameter = (qualifier: string) => `arn:aws:ssm:${REGION}:${ACCOUNT}:parameter/cdk-bootstrap/${qualifier}/version`;
    const own = account({ qualifier: 'previews' }).execution;
    for (const [statements, ours, others] of [[execution, 'hnb659fds', 'previews'], [own, 'previews', 'hnb659fds']] as const) {
      expect(allows(statements, 's3:GetObject', asset(ours))).toBe(true);
      expect(allows(statements, 's3:GetObject', asset(others))).toBe(false);
      expect(allows(statements, 'ssm:GetParameters', parameter(ours))).toBe(true);
      expect(allows(statements, 'ssm:GetParameters', parameter(others))).toBe(false);
    }
  });

  test('makes no role without the boundary, and takes the boundary from none', () => {
    const role = `arn:aws:iam::${ACCOUNT}:role/${STACK}-JobsWorkerRole-1`;
    for (const action of ['iam:CreateRole', 'iam:PutRolePolicy', 'iam:PutRolePermissionsBoundary', 'iam:UpdateAssumeRolePolicy']) {
      expect(allows(execution, action, role, context), action).toBe(true);
      expect(allows(execution, action, role, { ...context, 'iam:PermissionsBoundary': 'arn:aws:iam::aws:policy/AdministratorAccess' })).toBe(false);
      expect(allows(execution, action, role, {})).toBe(false);
    }
    for (const action of ['iam:AttachRolePolicy', 'iam:DeleteRolePermissionsBoundary', 'iam:CreatePolicyVersion', 'iam:CreateUser']) {
      expect(allows(execution, action, role, context), action).toBe(false);
    }
    expect(allows(execution, 'iam:PassRole', role, { 'iam:PassedToService': 'ec2.amazonaws.com' })).toBe(false);
  });

  test('touches nothing of the account but previews', () => {
    const others = [
      ['iam:CreateRole', `arn:aws:iam::${ACCOUNT}:role/Admin`],
      ['iam:PutRolePolicy', `arn:aws:iam::${ACCOUNT}:role/PreviewAccount-DeployRole-1`],
      ['iam:PassRole', `arn:aws:iam::${ACCOUNT}:role/cdk-hnb659fds-cfn-exec-role-${ACCOUNT}-${REGION}`],
      ['iam:PassRole', `arn:aws:iam::${ACCOUNT}:role/preview-hnb659fds-execution-${REGION}`],
      ['iam:PutRolePolicy', `arn:aws:iam::${ACCOUNT}:role/preview-hnb659fds-execution-${REGION}`],
      ['lambda:UpdateFunctionCode', `arn:aws:lambda:${REGION}:${ACCOUNT}:function:billing`],
      ['sqs:DeleteQueue', `arn:aws:sqs:${REGION}:${ACCOUNT}:orders`],
      ['s3:DeleteBucket', `arn:aws:s3:::cdk-hnb659fds-assets-${ACCOUNT}-${REGION}`],
      ['s3:PutBucketPolicy', 'arn:aws:s3:::somebodys'],
      ['logs:DeleteLogGroup', `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:/aws/lambda/billing:*`],
      ['sts:AssumeRole', `arn:aws:iam::${ACCOUNT}:role/Admin`],
      ['ec2:RunInstances', '*'],
    ] as const;
    expect(others.filter(([action, resource]) => allows(execution, action, resource, context))).toEqual([]);
    const billing = { ...context, 'lambda:FunctionArn': `arn:aws:lambda:${REGION}:${ACCOUNT}:function:billing` };
    const mapping = `arn:aws:lambda:${REGION}:${ACCOUNT}:event-source-mapping:1`;
    for (const action of ['lambda:DeleteEventSourceMapping', 'lambda:UpdateEventSourceMapping']) {
      expect(allows(execution, action, mapping, billing), action).toBe(false);
    }
  });

  const [SQS, LAMBDA, ROLE] = [`arn:aws:sqs:${REGION}:${ACCOUNT}`, `arn:aws:lambda:${REGION}:${ACCOUNT}:function`, `arn:aws:iam::${ACCOUNT}:role`];
  const [LOGS, WATCH] = [`arn:aws:logs:${REGION}:${ACCOUNT}:log-group`, `arn:aws:cloudwatch:${REGION}:${ACCOUNT}:alarm`];
  const named = (stack: string, low: string): [string, string][] => [
    ['sqs:SetQueueAttributes', `${SQS}:${stack}-Orders-1`],
    ['lambda:UpdateFunctionCode', `${LAMBDA}:${stack}-Worker-1`],
    ['lambda:InvokeFunction', `${LAMBDA}:${stack}-Worker-1`],
    ['lambda:AddPermission', `${LAMBDA}:${stack}-Worker-1`],
    ...['iam:PassRole', 'iam:CreateRole', 'iam:PutRolePolicy', 'iam:DeleteRole', 'iam:DeleteRolePolicy'].map((action): [string, string] => [action, `${ROLE}/${stack}-WorkerServiceRole-1`]),
    ['logs:DeleteLogGroup', `${LOGS}:${stack}-Worker:*`],
    ['logs:DeleteLogGroup', `${LOGS}:/aws/lambda/${stack}-Worker:*`],
    ['logs:DeleteLogGroup', `${LOGS}:/aws/vendedlogs/apis/${stack}:*`],
    ['cloudwatch:DeleteAlarms', `${WATCH}:${stack}-Deaths`],
    ['cloudwatch:DeleteDashboards', `arn:aws:cloudwatch::${ACCOUNT}:dashboard/${stack}`],
    ['s3:PutBucketPolicy', `arn:aws:s3:::${stack.toLowerCase()}-site-1`],
    ['s3:PutBucketPolicy', `arn:aws:s3:::pr-${low}-${ACCOUNT}-${REGION}`],
  ];
  const inBoundary = (stack: string, low: string): [string, string][] => [
    ['sqs:SendMessage', `${SQS}:${stack}-Orders-1`],
    ['logs:PutLogEvents', `${LOGS}:/aws/lambda/${stack}-Worker:log-stream:1`],
    ['s3:GetObject', `arn:aws:s3:::${stack.toLowerCase()}-site-1/x`],
    ['s3:PutObject', `arn:aws:s3:::pr-${low}-${ACCOUNT}-${REGION}/x`],
    ['s3:PutBucketPolicy', `arn:aws:s3:::pr-${low}-${ACCOUNT}-${REGION}`],
  ];
  test.each([
    ['Stack-PROD', 'media', false],
    ['Stack-PR', 'x1', false],
    ['Stack-PR0', '0', false],
    ['Stack-PRX1', 'prod-1', false],
    ['My-Stack-PR7', '', false],
    ['Stack-PR1', '1', true],
    ['Stack-PR23', '23', true],
    ['Stack-PR987654321', '987654321', true],
  ])('knows by its name whether %s, and the bucket pr-%s, is a preview: %s', (stack, low, expected) => {
    const may = (by: readonly Statement[], calls: [string, string][]) => calls.filter(([action, resource]) => allows(by, action, resource, context) !== expected);
    expect(may(execution, named(stack, low))).toEqual([]);
    expect(may(boundary, inBoundary(stack, low))).toEqual([]);
    const behind = { ...context, 'lambda:FunctionArn': `${LAMBDA}:${stack}-Worker-1` };
    for (const action of ['lambda:CreateEventSourceMapping', 'lambda:UpdateEventSourceMapping', 'lambda:DeleteEventSourceMapping']) {
      expect(allows(execution, action, `arn:aws:lambda:${REGION}:${ACCOUNT}:event-source-mapping:1`, behind), action).toBe(expected);
    }
  });

  test('reads a mapping that is gone, which leads to no function any more, and changes none of those', () => {
    const mapping = `arn:aws:lambda:${REGION}:${ACCOUNT}:event-source-mapping:1`;
    expect(allows(execution, 'lambda:GetEventSourceMapping', mapping)).toBe(true);
    expect(allows(execution, 'lambda:DeleteEventSourceMapping', mapping)).toBe(false);
    expect(allows(execution, 'lambda:DeleteEventSourceMapping', mapping, context)).toBe(true);
  });

  test("changes no resource of the account's own stack", () => {
    const others = Object.entries(accountResources).filter(([, { Type }]) => Type !== 'AWS::CloudFront::ResponseHeadersPolicy');
    expect(others.length).toBeGreaterThan(5);
    const calls = Object.values(CALLS).flatMap(({ create = [], any = [] }) => [...create, ...any]);
    const changes = calls.filter((action) => !/:(Describe|Get|List)/.test(action));
    for (const [id, { Type }] of others) {
      const arns: Record<string, string> = {
        'AWS::IAM::Role': arnOf(id, accountResources, 'PreviewAccount'),
        'AWS::IAM::ManagedPolicy': `arn:aws:iam::${ACCOUNT}:policy/PreviewAccount-${id}-1A2B`,
        'AWS::IAM::OIDCProvider': `arn:aws:iam::${ACCOUNT}:oidc-provider/token.actions.githubusercontent.com`,
        'AWS::Budgets::Budget': `arn:aws:budgets::${ACCOUNT}:budget/${id}`,
      };
      expect(Object.keys(arns), id).toContain(Type);
      const arn = arns[Type] ?? '';
      const allowed = changes.filter((action) => action.startsWith(`${arn.split(':')[2]}:`) && allows(execution, action, arn, context));
      expect(allowed, id).toEqual([]);
    }
    // Previews share this one, and their own are known by random ids as well.
    const [shared] = Object.keys(accountResources).filter((id) => accountResources[id]?.Type === 'AWS::CloudFront::ResponseHeadersPolicy');
    const headers = (id: string) => `arn:aws:cloudfront::${ACCOUNT}:response-headers-policy/${id}`;
    const sharedArn = headers(resolve<string>({ Ref: shared }, accountResources, 'PreviewAccount'));
    for (const action of ['cloudfront:DeleteResponseHeadersPolicy', 'cloudfront:UpdateResponseHeadersPolicy']) {
      expect(allows(execution, action, sharedArn), action).toBe(false);
      expect(allows(execution, action, headers('67f7725c-6f97-4210-82d7-5512b31e9d03')), action).toBe(true);
    }
    expect(allows(execution, 'cloudfront:GetResponseHeadersPolicy', sharedArn)).toBe(true);
  });

  test('names every action, and allows on everything only what has no ARN yet, or lists', () => {
    for (const { Action, Resource, Condition } of execution) {
      for (const action of [Action].flat()) {
        expect(action).not.toContain('*');
        if ([Resource].flat().includes('*') && Condition === undefined) {
          expect(action).toMatch(/^(cloudfront:Create(Distribution|OriginAccessControl|ResponseHeadersPolicy)$|cloudwatch:DescribeAlarms$|logs:)/);
        }
      }
    }
  });

  test('fits into what IAM and CloudFormation take', () => {
    expect(documents).toHaveLength(4);
    for (const document of documents) {
      expect(document.length).toBeLessThan(6144 - 500);
    }
    // A larger template is uploaded, and there is no bucket for it before the bootstrap. What is sent is YAML, which is
    // shorter than this.
    expect(JSON.stringify(artifact.template, undefined, 1).length).toBeLessThan(50 * 1024);
  });

  test('is there before the bootstrap, and not deployed through it', () => {
    expect(artifact.assumeRoleArn).toBeUndefined();
    expect(artifact.cloudFormationExecutionRoleArn).toBeUndefined();
    expect(artifact.requiresBootstrapStackVersion).toBeUndefined();
    expect(artifact.template).not.toHaveProperty('Parameters');
  });
});

describe('the boundary of the roles of a preview', () => {
  const bounded = new Preview({ boundary: 'arn:aws:iam::123456789012:policy/bound', acct: ACCOUNT, reg: REGION });

  test('is on each of them, where the context names it, and on none otherwise', () => {
    const boundaries = ({ resources }: Preview) =>
      Object.values(resources).filter(({ Type }) => Type === 'AWS::IAM::Role').map(({ Properties }) => Properties?.['PermissionsBoundary']);
    expect(boundaries(bounded).length).toBeGreaterThan(3);
    expect(new Set(boundaries(bounded))).toEqual(new Set(['arn:aws:iam::123456789012:policy/bound']));
    expect(new Set(boundaries(defaultPreview))).toEqual(new Set([undefined]));
  });

  test.each([['with', bounded], ['without', defaultPreview]] as const)('allows all that they are allowed, %s account and region', (_name, { resources }) => {
    const documents = Object.values(resources).flatMap(({ Type, Properties = {} }) => {
      if (Type === 'AWS::IAM::Policy' || Type === 'AWS::S3::BucketPolicy') {
        return [Properties['PolicyDocument']];
      }
      return Type === 'AWS::IAM::Role' ? ((Properties['Policies'] ?? []) as { PolicyDocument: unknown }[]).map((each) => each.PolicyDocument) : [];
    });
    const allowed = documents
      .flatMap((document) => resolve<{ Statement: Statement[] }>(document, resources, STACK).Statement)
      // A bucket's policy speaks to the distribution too, which is no role.
      .filter(({ Effect, Principal }) => Effect === 'Allow' && !JSON.stringify(Principal ?? '').includes('Service'));
    expect(allowed.length).toBeGreaterThan(5);
    const beyond = allowed.flatMap(({ Action, Resource }) =>
      [Action].flat().flatMap((action) => [Resource].flat().filter((arn) => !allows(boundary, action, arn)).map((arn) => `${action} on ${arn}`)),
    );
    expect(beyond).toEqual([]);
  });

  test('lets AWS decrypt with its own keys what they use, and them with no other', () => {
    const [key, via] = [`arn:aws:kms:${REGION}:${ACCOUNT}:key/1-2`, 'kms:ViaService'];
    expect(allows(boundary, 'kms:Decrypt', key, { [via]: `s3.${REGION}.amazonaws.com` })).toBe(true);
    expect(allows(boundary, 'kms:Decrypt', key, { [via]: `secretsmanager.${REGION}.amazonaws.com` })).toBe(false);
    expect(allows(boundary, 'kms:Decrypt', key)).toBe(false);
  });

  test('allows nothing else', () => {
    for (const [action, resource] of [
      ['iam:CreateRole', `arn:aws:iam::${ACCOUNT}:role/${STACK}-x`],
      ['sts:AssumeRole', `arn:aws:iam::${ACCOUNT}:role/Admin`],
      ['sqs:SendMessage', `arn:aws:sqs:${REGION}:${ACCOUNT}:orders`],
      ['s3:PutObject', `arn:aws:s3:::cdk-hnb659fds-assets-${ACCOUNT}-${REGION}/1a2b.zip`],
      ['logs:CreateLogGroup', `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:Stack-PR123-x`],
    ] as const) {
      expect(allows(boundary, action, resource), action).toBe(false);
    }
  });
});
