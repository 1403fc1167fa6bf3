import { CfnOutput, DefaultStackSynthesizer, Stack, Tags } from 'aws-cdk-lib';
import { ManagedPolicy, PermissionsBoundary } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { Api } from './api.ts';
import { Jobs, MAX_RECEIVE_COUNT, VISIBILITY_TIMEOUT } from './jobs.ts';
import { Observability } from './observability.ts';
import type { PreviewSettings } from './settings.ts';
import { Site } from './site.ts';

/** The preview of one pull request: a page, an API, and a queue of jobs with its worker. */
export class PreviewStack extends Stack {
  constructor(scope: Construct, settings: PreviewSettings) {
    super(scope, `Stack-PR${settings.pr}`, {
      description: `Preview of pull request ${settings.pr} of ${settings.repo}`,
      ...(settings.environment && { env: settings.environment }),
      // Tags on the stack itself, by which tools tell a preview from any other stack before they touch it.
      tags: previewTags(settings),
      synthesizer: new DefaultStackSynthesizer({ qualifier: settings.qualifier }),
      analyticsReporting: false,
    });
    const { pr, sha, architecture, placeholder } = settings;

    const jobs = new Jobs(this, 'Jobs', { pr, architecture, placeholder });
    const site = new Site(this, 'Site', {
      comment: `Preview of pull request ${pr} of ${settings.repo}`,
      headersPolicy: settings.headersPolicy,
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
      apiUrl: api.url,
      jobUrl: api.jobUrl,
      retries: { maxReceiveCount: MAX_RECEIVE_COUNT, visibilityTimeoutSeconds: VISIBILITY_TIMEOUT.toSeconds() },
    });

    const observability = new Observability(this, 'Observability', {
      jobs,
      api,
      runbookUrl: `${settings.repositoryUrl}/blob/HEAD/RUNBOOK.md`,
      alarmTopic: settings.alarmTopic,
    });

    if (settings.boundaryArn !== undefined) {
      PermissionsBoundary.of(this).apply(ManagedPolicy.fromManagedPolicyArn(this, 'Boundary', settings.boundaryArn));
    }
    this.tagResources(settings, { site, api, jobs, observability });
    this.output('BucketName', site.bucket.bucketName, "The bucket that holds the page's files");
    this.output('PreviewUrl', `${site.origin}/`, 'The preview page');
    this.output('DistributionId', site.distribution.distributionId, 'The distribution that serves the page');
    this.output('ApiUrl', api.url, 'The base URL of the API, without a slash at the end');
    this.output('JobUrl', api.jobUrl, 'Where jobs are posted to');
    this.output('JobsQueueName', jobs.queue.queueName, 'The queue that the worker empties');
    this.output('JobsDeadLetterQueueName', jobs.deadLetterQueue.queueName, 'Where jobs go that failed every attempt');
  }

  /** Tags every resource, so that whatever belongs to a preview can be found, and swept. */
  private tagResources(settings: PreviewSettings, areas: Record<string, Construct>): void {
    for (const [key, value] of Object.entries(previewTags(settings))) {
      Tags.of(this).add(key, value);
    }
    // The closer tag wins: what CDK puts beside the areas keeps the stack's value.
    for (const [area, construct] of Object.entries(areas)) {
      Tags.of(construct).add('resource', area);
    }
  }

  private output(name: string, value: string, description: string): void {
    new CfnOutput(this, name, { value, description });
  }
}

function previewTags(settings: PreviewSettings): Record<string, string> {
  return {
    'managed-by': 'cdk',
    preview: 'true',
    pr: settings.pr,
    repo: settings.repo,
    ...(settings.repositoryId !== undefined && { 'repo-id': settings.repositoryId }),
    sha: settings.sha,
    'run-id': settings.run,
    'expires-at': settings.expiresAt,
    resource: 'stack',
  };
}
