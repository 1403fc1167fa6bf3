import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { acknowledgeWildcards } from './acknowledge.ts';
import { deploymentNames } from './deployment-names.ts';
import { CompactPreviewArns, type PreviewArns } from './preview-arns.ts';

export interface DeploymentRolesProps {
  /** The qualifier of the bootstrap whose bucket holds the previews' assets. */
  readonly qualifier: string;
  /** The repository whose previews these are, as owner/name. */
  readonly repo: string;
  /** GitHub's id of it. */
  readonly repositoryId: string;
  /** All that CloudFormation may do for a preview. */
  readonly executionPolicies: iam.IManagedPolicy[];
}

/**
 * The roles that deploy previews, in place of the bootstrap's. Its deploy role may update every stack of the account, and
 * CloudFormation does that with the role that the stack was deployed with before, whoever asks: often an administrator's.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html
 */
export class DeploymentRoles extends Construct {
  /** What CloudFormation takes for a preview. What a bootstrap gave its own role of this kind does not matter here. */
  readonly execution: iam.Role;
  /** What the CDK's command line takes to talk to CloudFormation about previews, and about nothing else. */
  readonly deployment: iam.Role;

  constructor(scope: Construct, id: string, { qualifier, repo, repositoryId, executionPolicies }: DeploymentRolesProps) {
    super(scope, id);
    const stack = Stack.of(this);
    const names = deploymentNames(qualifier, stack.region);
    this.execution = new iam.Role(this, 'ExecutionRole', {
      roleName: names.execution,
      description: 'What CloudFormation may do for a preview',
      assumedBy: new iam.ServicePrincipal('cloudformation.amazonaws.com'),
      managedPolicies: executionPolicies,
    });
    // A preview keeps the role that it was deployed with: without it, CloudFormation could not delete the preview any more.
    // So it stays when a change of the qualifier replaces it, and when this stack is deleted.
    // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    this.execution.applyRemovalPolicy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE);
    const statements = deploymentStatements(new CompactPreviewArns(stack), qualifier, { repo, repositoryId }, this.execution.roleArn);
    this.deployment = new iam.Role(this, 'DeploymentRole', {
      roleName: names.deployment,
      description: 'Asks CloudFormation to deploy previews, and nothing else',
      // As the bootstrap's roles: whom else of the account another policy lets take it, such as a person who deploys by hand.
      assumedBy: new iam.AccountPrincipal(stack.account),
      inlinePolicies: { Previews: new iam.PolicyDocument({ statements }) },
    });
    acknowledgeWildcards(
      this.deployment,
      statements.flatMap(({ resources }) => resources),
      'Previews come and go, and so do their assets, so they are allowed by how their names begin.',
    );
  }
}

/**
 * What `cdk deploy` and `cdk rollback` ask for a preview. Whatever is created or updated is so as the execution role: a request
 * for that without a role, which would go on with the one of before, is refused. A request to delete is without
 * one, as the command line makes it where a first deployment failed, and takes the stack's: to name another, one has to pass
 * it. `ExecuteChangeSet` takes the change set's, and IAM has no condition for it.
 *
 * Source: `DeploymentActionRole` of `cdk bootstrap --show-template`, the calls of the command line, and the condition keys in
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html
 */
function deploymentStatements(
  arns: PreviewArns,
  qualifier: string,
  { repo, repositoryId }: { repo: string; repositoryId: string },
  executionRole: string,
): iam.PolicyStatement[] {
  const stacks = arns.stacks();
  const { account, region } = arns;
  const bucket = (objects = '') => arns.arn('s3', `cdk-${qualifier}-assets-${account}-${region}${objects}`, '', '');
  // What says of itself that it is another repository's is left alone.
  const ours = { StringEqualsIfExists: { 'aws:ResourceTag/repo-id': repositoryId } };
  const change = ['CreateChangeSet', 'CreateStack', 'UpdateStack', 'RollbackStack', 'ContinueUpdateRollback'];
  const settle = ['ExecuteChangeSet', 'DeleteChangeSet', 'DeleteStack', 'UpdateTerminationProtection'];
  const read = [
    ...['DescribeStacks', 'DescribeStackEvents', 'DescribeStackResources', 'DescribeEvents', 'DescribeChangeSet'],
    ...['ListChangeSets', 'ListStackResources', 'GetTemplate', 'GetTemplateSummary'],
  ];
  const cloudFormation = (names: string[]) => names.map((name) => `cloudformation:${name}`);
  return [
    allow(cloudFormation(change), stacks, { ...ours, ArnEquals: { 'cloudformation:RoleArn': executionRole } }),
    allow(cloudFormation([...settle, ...read]), stacks, ours),
    // Why a change set was refused; its ARN does not say of which stack it is.
    allow(['cloudformation:DescribeEvents'], [arns.arn('cloudformation', 'changeSet/*')]),
    othersByName(repo, cloudFormation([...change, ...settle])),
    allow(['iam:PassRole'], [executionRole], { StringEquals: { 'iam:PassedToService': 'cloudformation.amazonaws.com' } }),
    // CloudFormation reads the template, and the parameter that has the bootstrap's version, with the rights of whoever asks.
    allow(['s3:GetObject'], [bucket('/*')]),
    allow(['s3:GetBucketLocation', 's3:ListBucket'], [bucket()]),
    allow(['ssm:GetParameter', 'ssm:GetParameters'], [arns.arn('ssm', `parameter/cdk-bootstrap/${qualifier}/version`)]),
  ];
}

/** Refuses stacks that say whose they are by a name alone, as the tutorial's previews do, where it is another one. */
export function othersByName(repo: string, actions: string[]): iam.PolicyStatement {
  return new iam.PolicyStatement({
    effect: iam.Effect.DENY,
    actions,
    resources: ['*'],
    conditions: {
      Null: { 'aws:ResourceTag/repo-id': 'true', 'aws:ResourceTag/repo': 'false' },
      StringNotEquals: { 'aws:ResourceTag/repo': repo },
    },
  });
}

function allow(actions: string[], resources: string[], conditions?: Record<string, unknown>): iam.PolicyStatement {
  return new iam.PolicyStatement({ actions, resources, ...(conditions && { conditions }) });
}
