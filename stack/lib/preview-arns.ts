import type { Stack } from 'aws-cdk-lib';

/** The stack that chaos.yml breaks: no pull request has this number. */
export const CHAOS_STACK = 'Stack-PR999999999';

/** What IAM calls the resources of previews, which come and go, and which it therefore knows by how names begin. */
export class PreviewArns {
  private readonly stack: Stack;
  private readonly name: string;

  /** `name` is how the names of the previews' stacks begin, with IAM's wildcards. */
  constructor(stack: Stack, name = 'Stack-PR*') {
    this.stack = stack;
    this.name = name;
  }

  stacks(): string {
    return this.arn('cloudformation', `stack/${this.name}/*`);
  }

  /** The queues whose logical ids begin like this; all of them by default. */
  queues(logicalId = ''): string {
    return this.arn('sqs', this.named(logicalId));
  }

  functions(): string {
    return this.arn('lambda', `function:${this.named()}`);
  }

  /** Every event source mapping there is: their names are random. */
  mappings(): string {
    return this.arn('lambda', 'event-source-mapping:*');
  }

  roles(): string {
    return this.arn('iam', `role/${this.named()}`, '');
  }

  alarms(): string {
    return this.arn('cloudwatch', `alarm:${this.named()}`);
  }

  dashboards(): string {
    return this.arn('cloudwatch', `dashboard/${this.name}`, '');
  }

  /** The groups of functions, by either of their names. */
  functionLogGroups(): string[] {
    return ['', '/aws/lambda/'].map((folder) => this.arn('logs', `log-group:${folder}${this.named()}`));
  }

  logGroups(): string[] {
    return [...this.functionLogGroups(), this.arn('logs', `log-group:/aws/vendedlogs/apis/${this.name}`)];
  }

  /** Buckets have names in lower case: those that CloudFormation makes up, and the tutorial's. */
  buckets(): string[] {
    const { partition, account, region } = this.stack;
    const names = [this.named().toLowerCase(), `pr-*-${account}-${region}`];
    return names.map((name) => `arn:${partition}:s3:::${name}`);
  }

  objects(): string[] {
    return this.buckets().map((bucket) => `${bucket}/*`);
  }

  /** What KMS calls a service of this region that uses a key for somebody. */
  endpoint(service: string): string {
    return `${service}.${this.stack.region}.amazonaws.com`;
  }

  /** An ARN in this account and, unless said otherwise, in this region. */
  arn(service: string, resource: string, region = this.stack.region, account = this.stack.account): string {
    return `arn:${this.stack.partition}:${service}:${region}:${account}:${resource}`;
  }

  /** How the name of a stack's resource begins: CloudFormation puts the logical id after the stack's name. */
  private named(logicalId = ''): string {
    return `${this.name}-${logicalId}*`;
  }
}
