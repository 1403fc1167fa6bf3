import { Aspects, Aws, CfnOutput, Duration, LegacyStackSynthesizer, RemovalPolicy, Stack, Tags } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { acknowledgeWildcards } from './acknowledge.ts';
import type { AccountSettings } from './account-settings.ts';
import { BOTS } from './bots.ts';
import { chaosStatements } from './chaos-rights.ts';
import { CompactPolicies } from './compact-policies.ts';
import { DeploymentRoles, othersByName } from './deployment-roles.ts';
import { ExecutionPolicy } from './execution-policy.ts';
import { CHAOS_STACK, CompactPreviewArns } from './preview-arns.ts';
import { PreviewBudget } from './preview-budget.ts';
import { SecurityHeaders } from './security-headers.ts';

const GITHUB = 'token.actions.githubusercontent.com';

/** The GitHub environments of the workflow's jobs; a token names the environment of its job. */
export const DEPLOY_ENVIRONMENT = 'preview';
/** Another than the one that deploys, so that a rule that holds a deployment holds no deletion. */
export const TEARDOWN_ENVIRONMENT = 'preview-teardown';
export const VERIFY_ENVIRONMENT = 'preview-verify';
export const CHAOS_ENVIRONMENT = 'preview-chaos';

/** How long the credentials of an experiment last, so that what its job broke can be restored until the job ends. */
export const CHAOS_SESSION = Duration.hours(2);

interface RoleProps {
  readonly environment: string;
  readonly provider: iam.IOIDCProviderRef;
  readonly statements: iam.PolicyStatement[];
  /** Whether runs that a bot started get the role too. */
  readonly bots: boolean;
  /** The branch whose workflows get the role; those of any branch without it. */
  readonly branch?: string | undefined;
  readonly maxSessionDuration?: Duration;
}

/**
 * What an account needs once, before any preview: trust in the repository's workflows, a role for each of their tasks,
 * what CloudFormation may do for a preview, a budget, and the security headers that previews may share. No workflow has
 * the rights to change one of its resources.
 */
export class AccountStack extends Stack {
  private readonly settings: AccountSettings;

  constructor(scope: Construct, settings: AccountSettings) {
    super(scope, 'PreviewAccount', {
      description: `Lets the workflows of ${settings.repo} deploy and verify previews`,
      ...(settings.environment && { env: settings.environment }),
      terminationProtection: true,
      // Whoever deploys it does so with their own rights: it is there before the bootstrap, whose execution policy it
      // holds, and which may not change it.
      synthesizer: new LegacyStackSynthesizer(),
      analyticsReporting: false,
    });
    this.settings = settings;
    Tags.of(this).add('managed-by', 'cdk');
    Tags.of(this).add('repo', settings.repo);
    Aspects.of(this).add(new CompactPolicies());

    const headers = new SecurityHeaders(this, 'Headers', { name: `preview-security-headers-${this.region}` });
    const execution = new ExecutionPolicy(this, 'Previews', {
      qualifier: settings.qualifier,
      sharedHeadersId: headers.policy.responseHeadersPolicyId,
    });
    const { deployment } = new DeploymentRoles(this, 'Deployment', {
      qualifier: settings.qualifier,
      repo: settings.repo,
      repositoryId: settings.repositoryId,
      executionPolicies: execution.policies,
    });

    const provider = this.provider();
    const deploy = this.role('DeployRole', {
      environment: DEPLOY_ENVIRONMENT,
      provider,
      bots: false,
      statements: this.deployStatements(deployment),
    });
    // A bot may well have closed the pull request, or started the sweep.
    const teardown = this.role('TeardownRole', {
      environment: TEARDOWN_ENVIRONMENT,
      provider,
      bots: true,
      branch: settings.defaultBranch,
      statements: this.teardownStatements(),
    });
    const verify = this.role('VerifyRole', {
      environment: VERIFY_ENVIRONMENT,
      provider,
      bots: false,
      statements: this.verifyStatements(),
    });
    const chaos = this.role('ChaosRole', {
      environment: CHAOS_ENVIRONMENT,
      provider,
      // Its stack is deployed in the same run, which a bot may not.
      bots: false,
      maxSessionDuration: CHAOS_SESSION,
      statements: chaosStatements(new CompactPreviewArns(this, CHAOS_STACK)),
    });
    new PreviewBudget(this, 'Costs', {
      limitUsd: settings.budgetUsd,
      email: settings.budgetEmail,
      topicArn: settings.budgetTopic,
    });

    this.output('DeployRoleArn', deploy.roleArn, 'The variable AWS_DEPLOY_ROLE_ARN of the repository');
    this.output('TeardownRoleArn', teardown.roleArn, 'The variable AWS_TEARDOWN_ROLE_ARN of the repository');
    this.output('VerifyRoleArn', verify.roleArn, 'The variable AWS_VERIFY_ROLE_ARN of the repository');
    this.output('ChaosRoleArn', chaos.roleArn, 'The variable AWS_CHAOS_ROLE_ARN of the repository');
    this.output('BoundaryPolicyArn', execution.boundary.managedPolicyArn, 'The variable AWS_BOUNDARY_POLICY_ARN');
    const policyArns = execution.policies.map(({ managedPolicyArn }) => managedPolicyArn).join(',');
    this.output('ExecutionPolicyArn', policyArns, 'For cdk bootstrap --cloudformation-execution-policies');
    this.output('RepositoryId', settings.repositoryId, "GitHub's id of the repository whose previews the account holds");
    this.output('Qualifier', settings.qualifier, 'The variable AWS_BOOTSTRAP_QUALIFIER, where it is not the default');
    this.output('HeadersPolicyId', headers.policy.responseHeadersPolicyId, 'The variable AWS_HEADERS_POLICY_ID');
  }

  private provider(): iam.IOIDCProviderRef {
    if (this.settings.oidcProvider !== undefined) {
      return iam.OidcProviderNative.fromOidcProviderArn(this, 'GitHub', this.settings.oidcProvider);
    }
    // An account has one at most, so roles that are not this stack's may trust it by the time this stack is deleted.
    // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
    const removalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;
    return new iam.OidcProviderNative(this, 'GitHub', { url: `https://${GITHUB}`, clientIds: ['sts.amazonaws.com'], removalPolicy });
  }

  /**
   * A role for the jobs of one GitHub environment.
   *
   * Whoever takes over a name that the repository once had gets other ids, and is not trusted. Repositories that were
   * created, renamed or transferred since July 2026 have the ids in their tokens' subject as well, and are trusted under
   * whatever name. Older ones send names alone until they are switched or renamed, so that form is accepted too: first,
   * since AWS refuses a role whose first subject is anybody's. The pattern's `*` may stand for more than a name, which is
   * why either form counts only together with the repository's id, as a claim of its own.
   * https://docs.github.com/en/actions/reference/security/oidc
   * https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens
   *
   * Neither is a run that a bot started, except where said otherwise: whatever a workflow has been changed to, it gets
   * no credentials to deploy a dependency update with. Of GitHub's claims, AWS has keys for the actor, the environment, the
   * workflow and its file, the ref, the repository and the enterprise: none for the author of a pull request or its head branch, and the ref
   * of a pull request is its merge. So a bot's branch that a person pushes to is refused by its own workflow alone.
   * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif
   *
   * What deletes runs on the default branch alone: by a schedule, by hand, and by `pull_request_target`, whatever the base,
   * since 2025-12-08. Another branch's run has another ref, and workflows of its own.
   * https://github.blog/changelog/2025-11-07-actions-pull_request_target-and-environment-branch-protections-changes/
   */
  private role(id: string, { environment, provider, statements, bots, branch, maxSessionDuration }: RoleProps): iam.Role {
    const { repo, ownerId, repositoryId } = this.settings;
    const role = new iam.Role(this, id, {
      description: `For the jobs of ${repo} in the environment ${environment}`,
      assumedBy: new iam.WebIdentityPrincipal(provider.oidcProviderRef.oidcProviderArn, {
        StringEquals: {
          [`${GITHUB}:aud`]: 'sts.amazonaws.com',
          [`${GITHUB}:repository_id`]: repositoryId,
          ...(branch !== undefined && { [`${GITHUB}:ref`]: `refs/heads/${branch}` }),
        },
        StringLike: {
          [`${GITHUB}:sub`]: [
            `repo:${repo}:environment:${environment}`,
            `repo:*@${ownerId}/*@${repositoryId}:environment:${environment}`,
          ],
        },
        ...(!bots && { StringNotLike: { [`${GITHUB}:actor`]: [...BOTS] } }),
      }),
      ...(maxSessionDuration && { maxSessionDuration }),
      inlinePolicies: { Previews: new iam.PolicyDocument({ statements }) },
    });
    acknowledgeWildcards(
      role,
      statements.flatMap(({ resources }) => resources),
      'Previews come and go, so they are allowed by how their names begin; what is allowed on everything only reads.',
    );
    return role;
  }

  /**
   * Deploying goes through two other roles: this stack's own, which talks to CloudFormation about previews alone, and the
   * one of `cdk bootstrap` that uploads assets, which reaches the bootstrap's bucket and nothing else.
   */
  private deployStatements(deployment: iam.IRole): iam.PolicyStatement[] {
    const publishing = `role/cdk-${this.settings.qualifier}-file-publishing-role-${this.account}-${this.region}`;
    return [allow(['sts:AssumeRole'], [deployment.roleArn, this.arn('iam', publishing, '')])];
  }

  /**
   * Deleting goes without another role, since a stack keeps the one that it was deployed with: a preview's, as none but
   * previews are within reach. What says of itself that it is another repository's is left alone; the oldest previews say
   * no id. What says nothing of itself may be what a change set left that was never executed. IAM does not see whether it
   * is: delete.sh does.
   */
  private teardownStatements(): iam.PolicyStatement[] {
    const previews = new CompactPreviewArns(this).stacks();
    return [
      allow(['cloudformation:DeleteStack'], previews, {
        StringEquals: { 'aws:ResourceTag/preview': 'true' },
        StringEqualsIfExists: { 'aws:ResourceTag/repo-id': this.settings.repositoryId },
      }),
      othersByName(this.settings.repo, ['cloudformation:DeleteStack']),
      allow(['cloudformation:DeleteStack'], previews, {
        Null: Object.fromEntries(['preview', 'repo', 'repo-id'].map((tag) => [`aws:ResourceTag/${tag}`, 'true'])),
      }),
      allow(['cloudformation:DescribeStackEvents'], previews),
      // The nightly sweep looks at every stack for those that are expired previews. Describing stacks without a name
      // takes both actions.
      // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudformation.html
      allow(['cloudformation:DescribeStacks', 'cloudformation:ListStacks'], ['*'], { StringEquals: { 'aws:RequestedRegion': Aws.REGION } }),
    ];
  }

  /** Reading what a preview is, and taking the verifier's own messages out of its dead-letter queue. */
  private verifyStatements(): iam.PolicyStatement[] {
    const previews = new CompactPreviewArns(this);
    const actions = (service: string, ...names: string[]) => names.map((name) => `${service}:${name}`);
    return [
      allow(actions('cloudformation', 'DescribeStacks', 'ListStackResources'), previews.stacks()),
      allow(actions('sqs', 'GetQueueAttributes', 'GetQueueUrl', 'ListQueueTags'), previews.queues()),
      allow(actions('sqs', 'ChangeMessageVisibility', 'DeleteMessage', 'ReceiveMessage'), previews.queues('JobsDeadLetterQueue')),
      allow(actions('lambda', 'GetFunctionConfiguration'), previews.functions()),
      allow(actions('logs', 'FilterLogEvents'), previews.functionLogGroups(['/aws/lambda/'])),
      // These list, and cannot be allowed for single resources.
      allow(['cloudwatch:DescribeAlarmsForMetric', 'lambda:ListEventSourceMappings', 'logs:DescribeLogGroups'], ['*']),
    ];
  }

  /** An ARN in this account and, unless said otherwise, in this region. */
  private arn(service: string, resource: string, region = this.region): string {
    return `arn:${this.partition}:${service}:${region}:${this.account}:${resource}`;
  }

  private output(name: string, value: string, description: string): void {
    new CfnOutput(this, name, { value, description });
  }
}

function allow(actions: string[], resources: string[], conditions?: Record<string, unknown>): iam.PolicyStatement {
  return new iam.PolicyStatement({ actions, resources, ...(conditions && { conditions }) });
}
