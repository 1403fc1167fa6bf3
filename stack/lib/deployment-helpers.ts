import { type CfnResource, CustomResourceProviderBase, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledgeWildcards } from './acknowledge.ts';
import { logGroupName } from './functions.ts';

export interface DeploymentHelpersProps {
  /** The bucket that is filled. */
  readonly bucket: s3.Bucket;
}

/**
 * What the functions share that CDK adds to fill the bucket and to empty it.
 *
 * By default they write to log groups that Lambda creates for them, outside the stack, and may create any other:
 * each preview would leave two behind when it is deleted. Here they write to one that belongs to the stack.
 */
export class DeploymentHelpers extends Construct {
  readonly logGroup: logs.LogGroup;
  /** The role of the function that fills the bucket; it gets the rights to the bucket from its deployments. */
  readonly role: iam.Role;

  constructor(scope: Construct, id: string, props: DeploymentHelpersProps) {
    super(scope, id);
    this.logGroup = new logs.LogGroup(this, 'Logs', {
      logGroupName: logGroupName(this, 'DeploySite'),
      retention: logs.RetentionDays.ONE_WEEK,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
    });
    this.logGroup.grantWrite(this.role);
    this.acknowledgeRole(props.bucket);
  }

  /** CDK words the policy of the function that fills the bucket. */
  private acknowledgeRole(bucket: s3.Bucket): void {
    const { partition, account, region, synthesizer } = Stack.of(this);
    const assets = `arn:${partition}:s3:::cdk-${synthesizer.bootstrapQualifier}-assets-${account}-${region}`;
    const reason = 'It reads the assets that CDK uploaded, and reads and writes the objects of the one bucket.';
    acknowledgeWildcards(this.role, [`${assets}/*`, bucket.arnForObjects('*')], reason);
    for (const action of ['GetBucket*', 'GetObject*', 'List*', 'Abort*', 'DeleteObject*']) {
      Validations.of(this.role).acknowledge({ id: `AwsSolutions-IAM5[Action::s3:${action}]`, reason });
    }
  }

  /** Acknowledges what CDK chose for the function that fills the bucket; it is there once something is deployed. */
  acknowledgeBucketFiller(): void {
    const filler = Stack.of(this).node.children.find(({ node }) => node.id.startsWith('Custom::CDKBucketDeployment'));
    if (filler === undefined) {
      throw new Error('the stack has no function that fills buckets: this version of aws-cdk-lib names it differently');
    }
    Validations.of(filler).acknowledge({
      id: 'AwsSolutions-L1',
      reason: 'CDK chooses the runtime that its own code runs on, and raises it with its releases.',
    });
  }

  /** Makes the function that empties buckets, which has no options of its own, write to the log group. */
  adoptBucketEmptier(): void {
    const id = 'Custom::S3AutoDeleteObjectsCustomResourceProvider';
    const provider = Stack.of(this).node.tryFindChild(id);
    if (!(provider instanceof CustomResourceProviderBase)) {
      throw new Error(`the stack has no ${id}: this version of aws-cdk-lib names it differently`);
    }
    provider.addToRolePolicy({
      Effect: 'Allow',
      Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      Resource: this.logGroup.logGroupArn,
    });
    (provider.node.findChild('Role') as CfnResource).addPropertyDeletionOverride('ManagedPolicyArns');
    (provider.node.findChild('Handler') as CfnResource).addPropertyOverride('LoggingConfig', {
      LogGroup: this.logGroup.logGroupName,
    });
  }
}
