import { Aws, Fn, type Stack, Token } from 'aws-cdk-lib';

/** The stack that chaos.yml breaks: no pull request has this number. */
export const CHAOS_STACK = 'Stack-PR999999999';

/**
 * How the names of previews begin, one pattern a digit: `Stack-PR*` would be `Stack-PROD` as well. Whatever follows the
 * digit is within reach, such as `Stack-PR1-archive`: IAM's patterns know no digits.
 */
const numbered = (prefix: string): string[] => [1, 2, 3, 4, 5, 6, 7, 8, 9].map((digit) => `${prefix}${digit}*`);

/** What IAM calls the resources of previews, which come and go, and which it therefore knows by how names begin. */
export class PreviewArns {
  private readonly stack: Stack;
  private readonly names: readonly string[];

  /** `name` is the one stack that this is about; all previews' without it. */
  constructor(stack: Stack, name?: string) {
    this.stack = stack;
    this.names = name === undefined ? numbered('Stack-PR') : [name];
  }

  get account(): string {
    return this.stack.account;
  }

  get region(): string {
    return this.stack.region;
  }

  stacks(): string[] {
    return this.names.map((name) => this.arn('cloudformation', `stack/${name}/*`));
  }

  /** The queues whose logical ids begin like this; all of them by default. */
  queues(logicalId = ''): string[] {
    return this.named(logicalId).map((name) => this.arn('sqs', name));
  }

  /** The functions whose logical ids begin like this; all of them by default. */
  functions(logicalId = ''): string[] {
    return this.named(logicalId).map((name) => this.arn('lambda', `function:${name}`));
  }

  /** Every event source mapping there is: their names are random. */
  mappings(): string {
    return this.arn('lambda', 'event-source-mapping:*');
  }

  roles(): string[] {
    return this.named().map((name) => this.arn('iam', `role/${name}`, ''));
  }

  alarms(): string[] {
    return this.named().map((name) => this.arn('cloudwatch', `alarm:${name}`));
  }

  dashboards(): string[] {
    return this.names.map((name) => this.arn('cloudwatch', `dashboard/${name}`, ''));
  }

  /** The groups of functions, by either of their names. */
  functionLogGroups(folders = ['', '/aws/lambda/']): string[] {
    return folders.flatMap((folder) => this.named().map((name) => this.arn('logs', `log-group:${folder}${name}`)));
  }

  logGroups(): string[] {
    const ofApis = this.names.map((name) => this.arn('logs', `log-group:/aws/vendedlogs/apis/${name}`));
    return [...this.functionLogGroups(), ...ofApis];
  }

  buckets(): string[] {
    return this.bucketNames().map((name) => this.arn('s3', name, '', ''));
  }

  objects(): string[] {
    return this.bucketNames().map((name) => this.arn('s3', `${name}/*`, '', ''));
  }

  /**
   * What KMS calls a service of this region that uses a key for its caller; China's has another end.
   * https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
   */
  endpoints(service: string): string[] {
    return ['', '.cn'].map((end) => `${service}.${this.stack.region}.amazonaws.com${end}`);
  }

  /** An ARN in this account and, unless said otherwise, in this region. */
  arn(service: string, resource: string, region = this.stack.region, account = this.stack.account): string {
    return `arn:${this.stack.partition}:${service}:${region}:${account}:${resource}`;
  }

  /** Buckets have names in lower case: those that CloudFormation makes up, and the tutorial's. */
  private bucketNames(): string[] {
    return [...this.named().map((name) => name.toLowerCase()), ...numbered('pr-').map((name) => `${name}-${this.account}-${this.region}`)];
  }

  /** How the names of a stack's resources begin: CloudFormation puts the logical id after the stack's name. */
  private named(logicalId = ''): string[] {
    return this.names.map((name) => `${name}-${logicalId}*`);
  }
}

/**
 * The same, written with `Fn::Sub`, which takes a third of the room of the `Fn::Join` that CDK writes. A template of more
 * than 50 KiB has to be uploaded, and the account's is deployed before there is a bucket for it.
 */
export class CompactPreviewArns extends PreviewArns {
  /** One token for each text: CDK merges statements about the same token alone. */
  private readonly known = new Map<string, string>();

  override arn(service: string, resource: string, region?: string, account?: string): string {
    const arn = super.arn(service, resource, region, account);
    const pseudo = [Aws.PARTITION, Aws.REGION, Aws.ACCOUNT_ID].reduce(
      (text, token, index) => text.replaceAll(token, ['${AWS::Partition}', '${AWS::Region}', '${AWS::AccountId}'][index] ?? ''),
      arn,
    );
    // What refers to a resource as well stays as it is.
    if (Token.isUnresolved(pseudo)) {
      return arn;
    }
    const found = this.known.get(pseudo) ?? Fn.sub(pseudo);
    this.known.set(pseudo, found);
    return found;
  }
}
