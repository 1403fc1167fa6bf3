import { RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { acknowledgeWildcards } from './acknowledge.ts';
import { type Right, boundaryRights, executionRights } from './execution-rights.ts';
import { CompactPreviewArns } from './preview-arns.ts';

export interface ExecutionPolicyProps {
  /** The qualifier of the bootstrap that deploys previews. */
  readonly qualifier: string;
  /** The id of the response headers policy that previews may share, and that none of them may change. */
  readonly sharedHeadersId: string;
}

/** The policies, what each is about, and the types whose rights it has: those of the first that fits. */
const PARTS = [
  ['ExecutionOfLogs', 'its log groups', /^AWS::Logs::/],
  ['ExecutionOfPage', 'its page, API, queues and alarms', /^AWS::(ApiGatewayV2|CloudFront|CloudWatch|S3|SQS)::/],
  ['Execution', 'its functions and roles', /./],
] as const;

/**
 * What CloudFormation may do when it deploys a preview: exactly what a preview is made of. The account's own execution role
 * has it; and so has the bootstrap's, by `cdk bootstrap --cloudformation-execution-policies`, in place of the
 * AdministratorAccess that a bootstrap takes otherwise.
 * https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-customizing.html
 */
export class ExecutionPolicy extends Construct {
  /** The bound of the roles that a preview makes. */
  readonly boundary: iam.ManagedPolicy;
  /** What CloudFormation may do, in as many policies as it takes. */
  readonly policies: iam.ManagedPolicy[];

  constructor(scope: Construct, id: string, { qualifier, sharedHeadersId }: ExecutionPolicyProps) {
    super(scope, id);
    const arns = new CompactPreviewArns(Stack.of(this));
    this.boundary = this.policy('Boundary', 'The most that a role of a preview may do', boundaryRights(arns, qualifier));
    const rights = executionRights({ arns, qualifier, sharedHeadersId, boundaryArn: this.boundary.managedPolicyArn });
    // A managed policy holds 6,144 characters, which is too little for all of it.
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    const partOf = (type: string) => PARTS.find(([, , types]) => types.test(type));
    const description = 'What CloudFormation may do to deploy a preview:';
    this.policies = PARTS.map((part) => {
      const [partId, of] = part;
      const own = Object.entries(rights).flatMap(([type, each]) => (partOf(type) === part ? each : []));
      return this.policy(partId, `${description} ${of}`, own);
    });
  }

  private policy(id: string, description: string, rights: Right[]): iam.ManagedPolicy {
    const statements = rights.map(
      ({ denies, actions, resources, conditions }) =>
        new iam.PolicyStatement({
          effect: denies ? iam.Effect.DENY : iam.Effect.ALLOW,
          actions: [...actions],
          resources: [...resources],
          ...(conditions && { conditions }),
        }),
    );
    const policy = new iam.ManagedPolicy(this, id, { description, statements });
    // What IAM's reference does not name, cfn-lint takes for a slip of the pen.
    if (rights.some(({ actions }) => actions.includes('apigateway:TagResource'))) {
      (policy.node.defaultChild as iam.CfnManagedPolicy).addMetadata('cfn-lint', { config: { ignore_checks: ['W3037'] } });
    }
    // The execution role stays where a preview may still need it, and so does what it may do.
    policy.applyRemovalPolicy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE);
    const reason = 'Previews come and go, so IAM knows them by how their names begin, or where ids are random not at all.';
    acknowledgeWildcards(policy, rights.flatMap(({ resources }) => resources), reason);
    for (const action of new Set(rights.flatMap(({ actions }) => actions).filter((each) => each.includes('*')))) {
      Validations.of(policy).acknowledge({
        id: `AwsSolutions-IAM5[Action::${action}]`,
        reason: 'CDK words the policy of the function that fills the bucket in this way.',
      });
    }
    return policy;
  }
}
