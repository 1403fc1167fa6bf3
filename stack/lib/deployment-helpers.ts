import { type CfnResource, CustomResourceProviderBase, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';

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

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.logGroup = new logs.LogGroup(this, 'Logs', {
      retention: logs.RetentionDays.ONE_WEEK,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
    });
    this.logGroup.grantWrite(this.role);
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
