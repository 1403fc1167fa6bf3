import { CfnOutput, DefaultStackSynthesizer, Stack, Tags } from 'aws-cdk-lib';
import { ManagedPolicy, PermissionsBoundary } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { Api } from './api.ts';
import { deploymentNames, placeholderArn } from './deployment-names.ts';
import { Jobs, MAX_RECEIVE_COUNT, VISIBILITY_TIMEOUT } from './jobs.ts';
import { Observability } from './observability.ts';
import type { PreviewSettings } from './settings.ts';
import { Site } from './site.ts';

/** The preview of one pull request: a page, an API, and a queue of jobs with its worker. */
export class PreviewStack extends Stack {
  constructor(scope: Construct, settings: PreviewSettings) {
    super(scope, `Stack-PR${settings.pr}`, {
      description: previewOf(settings),
      ...(settings.environment && { env: settings.environment }),
      // Tags on the stack itself, by which tools tell a preview from any other stack before they touch it.
      tags: previewTags(settings),
      synthesizer: synthesizer(settings.qualifier),
      analyticsReporting: false,
    });
    const { pr, sha, run, architecture, placeholder } = settings;

    const jobs = new Jobs(this, 'Jobs', { pr, architecture, placeholder });
    const site = new Site(this, 'Site', {
      comment: previewOf(settings),
      bucketName: bucketName(settings),
      headersPolicy: settings.headersPolicy,
      run,
    });
    const api = new Api(this, 'Api', {
      pr,
      sha,
      architecture,
      placeholder,
      jobsQueue: jobs.queue,
      allowedOrigins: [site.origin, ...settings.localOrigins],
    });
    site.deployConfig({
      apiUrl: api.helloUrl,
      jobUrl: api.jobUrl,
      retries: { maxReceiveCount: MAX_RECEIVE_COUNT, visibilityTimeoutSeconds: VISIBILITY_TIMEOUT.toSeconds() },
    });

    new Observability(this, 'Observability', {
      jobs,
      api,
      runbookUrl: `${settings.repositoryUrl}/blob/HEAD/RUNBOOK.md`,
      alarmTopic: settings.alarmTopic,
    });

    if (settings.boundaryArn !== undefined) {
      PermissionsBoundary.of(this).apply(ManagedPolicy.fromManagedPolicyArn(this, 'Boundary', settings.boundaryArn));
    }
    for (const [key, value] of Object.entries(previewTags(settings))) {
      Tags.of(this).add(key, value);
    }
    tagParts(site, api, jobs);
    this.output('BucketName', site.bucket.bucketName, "The bucket that holds the page's files");
    this.output('PreviewUrl', `${site.origin}/?pr=${pr}`, 'The preview page');
    this.output('DistributionId', site.distribution.distributionId, 'The distribution that serves the page');
    this.output('ApiUrl', api.helloUrl, 'Where the API says hello');
    this.output('JobUrl', api.jobUrl, 'Where jobs are posted to');
    this.output('JobsQueueName', jobs.queue.queueName, 'The queue that the worker empties');
    this.output('JobsDeadLetterQueueName', jobs.deadLetterQueue.queueName, 'Where jobs go that failed every attempt');
  }

  private output(name: string, value: string, description: string): void {
    new CfnOutput(this, name, { value, description });
  }
}

/**
 * Assets go to the bucket of the bootstrap. CloudFormation is talked to, and deploys, by the roles of the account's stack,
 * which reach nothing but previews.
 */
function synthesizer(qualifier: string): DefaultStackSynthesizer {
  const { deployment, execution } = deploymentNames(qualifier, '${AWS::Region}');
  return new DefaultStackSynthesizer({
    qualifier,
    deployRoleArn: placeholderArn(deployment),
    cloudFormationExecutionRole: placeholderArn(execution),
  });
}

/** What the preview is, in words. */
function previewOf({ pr, repo }: PreviewSettings): string {
  return repo === undefined ? `Preview of pull request ${pr}` : `Preview of pull request ${pr} of ${repo}`;
}

/**
 * The tutorial's name of the bucket, which is known before anything is deployed. Buckets share one namespace, so it is
 * CloudFormation's to choose where account and region are not given.
 */
function bucketName({ pr, environment }: PreviewSettings): string | undefined {
  return environment && `pr-${pr}-${environment.account}-${environment.region}`;
}

/** The tags of the stack and of whatever is in it, by which a preview is found, and swept. */
function previewTags({ pr, repo, repositoryId, sha, run, expiresAt }: PreviewSettings): Record<string, string> {
  return {
    'managed-by': 'cdk',
    preview: 'true',
    pr,
    ...(repo !== undefined && { repo }),
    ...(repositoryId !== undefined && { 'repo-id': repositoryId }),
    ...(sha !== undefined && { sha }),
    ...(run !== undefined && { 'run-id': run }),
    'expires-at': expiresAt,
  };
}

/** Tags what the tutorial tags; a function's tag is on its role, its log group and its mapping as well. */
function tagParts(site: Site, api: Api, jobs: Jobs): void {
  const parts: [Construct, string][] = [
    [site.bucket, 'preview-bucket'],
    [api.hello, 'preview-api-function'],
    [api.submitJob, 'preview-job-submit-function'],
    [jobs.worker, 'preview-worker-function'],
    [jobs.queue, 'preview-jobs-queue'],
    [jobs.deadLetterQueue, 'preview-jobs-dlq'],
  ];
  for (const [construct, value] of parts) {
    Tags.of(construct).add('resource', value);
  }
}
