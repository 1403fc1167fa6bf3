import { spawn } from 'node:child_process';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ACCOUNT, REGION } from './policies.ts';

/** What the CDK's command line asked of AWS, and whether it was allowed. */
export interface Call {
  /** The role whose credentials signed it. */
  readonly by: string;
  /** As IAM names it, such as `cloudformation:CreateChangeSet`; of S3, the method. */
  readonly action: string;
  readonly resource: string;
  readonly context: Record<string, string>;
  readonly allowed: boolean;
}

/** Whether a role may do something; the answer is AWS's refusal where it may not. */
export type Decide = (call: Omit<Call, 'allowed'>) => boolean;

const CLOUDFORMATION = 'http://cloudformation.amazonaws.com/doc/2010-05-15/';
const stackId = (name: string) => `arn:aws:cloudformation:${REGION}:${ACCOUNT}:stack/${name}/1-2`;
const changeSetId = `arn:aws:cloudformation:${REGION}:${ACCOUNT}:changeSet/cdk-deploy-change-set/3-4`;

/** As much of STS, CloudFormation, S3 and SSM as a deployment asks for, on this machine. Everything signs with its role's name. */
class FakeAws {
  readonly calls: Call[] = [];
  private readonly decide: Decide;
  private stack: string | undefined;
  private changeSet = false;

  constructor(decide: Decide, stack: string | undefined) {
    this.decide = decide;
    this.stack = stack;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) {
      chunks.push(chunk as Buffer);
    }
    const body = Buffer.concat(chunks).toString('utf8');
    const [, by = '', service = ''] = /Credential=([^/]+)\/[^/]+\/[^/]+\/([^/]+)\//.exec(request.headers.authorization ?? '') ?? [];
    const { status, text, type = 'text/xml' } = this.respond(by, service, request, body);
    response.writeHead(status, { 'content-type': type }).end(request.method === 'HEAD' ? undefined : text);
  }

  private respond(by: string, service: string, request: IncomingMessage, body: string) {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1');
    if (service === 's3') {
      this.note(by, `s3:${request.method}`, `arn:aws:s3:::${url.pathname.slice(1)}`, {});
      return { status: 200, text: s3(url) };
    }
    if (service === 'ssm') {
      const { Name } = JSON.parse(body) as { Name: string };
      const action = String(request.headers['x-amz-target']).replace('AmazonSSM.', 'ssm:');
      const allowed = this.note(by, action, `arn:aws:ssm:${REGION}:${ACCOUNT}:parameter${Name}`, {});
      const text = JSON.stringify(allowed ? { Parameter: { Name, Type: 'String', Value: '33' } } : { __type: 'AccessDeniedException' });
      return { status: allowed ? 200 : 400, text, type: 'application/x-amz-json-1.1' };
    }
    const query = Object.fromEntries(new URLSearchParams(body));
    const action = query['Action'] ?? '';
    return service === 'sts' ? this.sts(by, action, query) : this.cloudFormation(by, action, query);
  }

  private sts(by: string, action: string, query: Record<string, string>) {
    if (action === 'GetCallerIdentity') {
      return reply('https://sts.amazonaws.com/doc/2011-06-15/', action, `<Account>${ACCOUNT}</Account><Arn>arn:aws:iam::${ACCOUNT}:role/${by}</Arn><UserId>A</UserId>`);
    }
    const role = query['RoleArn'] ?? '';
    if (!this.note(by, `sts:${action}`, role, {})) {
      return refusal('https://sts.amazonaws.com/doc/2011-06-15/', 'AccessDenied', 'not authorized', 403);
    }
    const key = `<AccessKeyId>${role.split('/').at(-1)}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>`;
    return reply('https://sts.amazonaws.com/doc/2011-06-15/', action, `<Credentials>${key}<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>`);
  }

  private cloudFormation(by: string, action: string, query: Record<string, string>) {
    const name = query['StackName'] ?? '';
    const arn = name.startsWith('arn:') ? name : stackId(name);
    const role = query['RoleARN'];
    if (!this.note(by, `cloudformation:${action}`, arn, role === undefined ? {} : { 'cloudformation:RoleArn': role })) {
      return refusal(CLOUDFORMATION, 'AccessDenied', 'not authorized', 403);
    }
    if (role !== undefined && !this.note(by, 'iam:PassRole', role, { 'iam:PassedToService': 'cloudformation.amazonaws.com' })) {
      return refusal(CLOUDFORMATION, 'AccessDenied', 'not authorized to pass it', 403);
    }
    const times = '<CreationTime>2026-01-01T00:00:00Z</CreationTime>';
    switch (action) {
      case 'DescribeStacks':
        return this.stack === undefined
          ? refusal(CLOUDFORMATION, 'ValidationError', `Stack with id ${name} does not exist`, 400)
          : reply(CLOUDFORMATION, action, `<Stacks><member><StackId>${arn}</StackId><StackName>${this.stack}</StackName>${times}<StackStatus>UPDATE_COMPLETE</StackStatus></member></Stacks>`);
      case 'CreateChangeSet':
        this.changeSet = true;
        return reply(CLOUDFORMATION, action, `<Id>${changeSetId}</Id><StackId>${arn}</StackId>`);
      case 'DescribeChangeSet':
        return this.changeSet
          ? reply(CLOUDFORMATION, action, `<ChangeSetId>${changeSetId}</ChangeSetId><StackId>${arn}</StackId>${times}<Status>CREATE_COMPLETE</Status><ExecutionStatus>AVAILABLE</ExecutionStatus><Changes><member><Type>Resource</Type><ResourceChange><Action>Add</Action><LogicalResourceId>A</LogicalResourceId><ResourceType>AWS::SQS::Queue</ResourceType></ResourceChange></member></Changes>`)
          : refusal(CLOUDFORMATION, 'ChangeSetNotFound', 'no such change set', 404);
      case 'ExecuteChangeSet':
        this.stack = 'Stack-PR7';
        return reply(CLOUDFORMATION, action, '');
      case 'GetTemplate':
        return reply(CLOUDFORMATION, action, '<TemplateBody>{}</TemplateBody>');
      default:
        return reply(CLOUDFORMATION, action, '');
    }
  }

  private note(by: string, action: string, resource: string, context: Record<string, string>): boolean {
    const call = { by, action, resource, context };
    const allowed = this.decide(call);
    this.calls.push({ ...call, allowed });
    return allowed;
  }
}

/** A bucket that has every asset already. */
function s3(url: URL): string {
  const key = url.searchParams.get('prefix') ?? '';
  return url.searchParams.has('list-type')
    ? `<ListBucketResult><KeyCount>1</KeyCount><Contents><Key>${key}</Key><Size>5000</Size></Contents></ListBucketResult>`
    : `<LocationConstraint>${REGION}</LocationConstraint>`;
}

function reply(namespace: string, action: string, result: string) {
  return { status: 200, text: `<${action}Response xmlns="${namespace}"><${action}Result>${result}</${action}Result></${action}Response>` };
}

function refusal(namespace: string, code: string, message: string, status: number) {
  return { status, text: `<ErrorResponse xmlns="${namespace}"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>` };
}

/** Deploys an assembly as `role`, by the CDK's own command line; `stack` names one that is there already. */
export async function deploy(assembly: string, role: string, decide: Decide, stack?: string) {
  const aws = new FakeAws(decide, stack);
  const server = createServer((request, response) => void aws.answer(request, response).catch(() => response.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const cdk = join(import.meta.dirname, '..', 'node_modules', 'aws-cdk', 'bin', 'cdk');
    const child = spawn(process.execPath, [cdk, 'deploy', 'Stack-PR7', '--app', assembly, '--require-approval', 'never', '--progress', 'events', '--no-notices'], {
      cwd: assembly,
      env: {
        ...{ PATH: process.env['PATH'], HOME: assembly, CI: 'true', CDK_DISABLE_CLI_TELEMETRY: 'true' },
        ...{ AWS_ACCESS_KEY_ID: role, AWS_SECRET_ACCESS_KEY: 's', AWS_REGION: REGION, AWS_EC2_METADATA_DISABLED: 'true' },
        AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
      },
    });
    let log = '';
    child.stdout.on('data', (chunk) => (log += String(chunk)));
    child.stderr.on('data', (chunk) => (log += String(chunk)));
    const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
    return { status, log, calls: aws.calls };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
