import { readFileSync } from 'node:fs';

/** What `verifier local --ready-file` says of the stack that is up. */
interface Ready {
  readonly endpoint: string;
  readonly token: string;
  readonly stackName: string;
  readonly region: string;
  readonly outputs: Record<string, string>;
}

/** A signature as far as the emulator looks at it: that it is there, and names an access key. */
export const AUTHORIZATION =
  'AWS4-HMAC-SHA256 Credential=AKIABROWSER/20260101/us-local-1/any/aws4_request, SignedHeaders=host, Signature=0';

/** The stack on this machine, as `cargo xtask test browser` has started it. */
export class Emulator {
  private readonly ready: Ready;

  constructor() {
    this.ready = JSON.parse(readFileSync(required('VERIFIER_BROWSER_READY'), 'utf8')) as Ready;
  }

  get endpoint(): string {
    return this.ready.endpoint;
  }

  get stackName(): string {
    return this.ready.stackName;
  }

  output(name: string): string {
    const value = this.ready.outputs[name];
    if (value === undefined) {
      throw new Error(`the stack has no output ${name}`);
    }
    return value;
  }

  /** Lets things go wrong on purpose from now on, by the rules of `verifier local --faults`; none lets them go well. */
  async faults(...rules: object[]): Promise<void> {
    const response = await this.admin('faults', {
      method: 'PUT',
      body: JSON.stringify({ rules }),
    });
    if (!response.ok) {
      throw new Error(`the emulator refuses the faults: ${await response.text()}`);
    }
  }

  /** Waits, by long polls, for a message to arrive in the dead-letter queue; its id and its job. */
  async deadLetter(messageId: string): Promise<{ task: string; fail: boolean; jobId: string }> {
    const { QueueUrl } = await this.sqs<{ QueueUrl: string }>('GetQueueUrl', {
      QueueName: this.output('JobsDeadLetterQueueName'),
    });
    const polls = 20;
    for (let poll = 0; poll < polls; poll += 1) {
      const { Messages = [] } = await this.sqs<{ Messages?: { MessageId: string; Body: string }[] }>('ReceiveMessage', {
        QueueUrl,
        WaitTimeSeconds: 20,
        MaxNumberOfMessages: 10,
      });
      const message = Messages.find(({ MessageId }) => MessageId === messageId);
      if (message) {
        return JSON.parse(message.Body);
      }
    }
    throw new Error(`${messageId} is not in the dead-letter queue after ${polls} long polls`);
  }

  /** The names of all stacks that there are. */
  async stacks(): Promise<string[]> {
    const response = await fetch(this.ready.endpoint, {
      method: 'POST',
      headers: { authorization: AUTHORIZATION, 'content-type': 'application/x-www-form-urlencoded' },
      body: 'Action=DescribeStacks&Version=2010-05-15',
    });
    const names = (await response.text()).matchAll(/<StackName>([^<]*)</g);
    return [...names].map(([, name]) => name ?? '');
  }

  /** How many messages a queue of the stack has, visible and in flight. */
  async messages(output: string): Promise<number> {
    const { QueueUrl } = await this.sqs<{ QueueUrl: string }>('GetQueueUrl', { QueueName: this.output(output) });
    const { Attributes } = await this.sqs<{ Attributes: Record<string, string> }>('GetQueueAttributes', {
      QueueUrl,
      AttributeNames: ['All'],
    });
    const { ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible } = Attributes;
    return Number(ApproximateNumberOfMessages) + Number(ApproximateNumberOfMessagesNotVisible);
  }

  /** Lets time of the stack pass as a client of its own; it fails when somebody holds the clock. */
  async sleep(seconds: number, within: number): Promise<void> {
    const leave = new AbortController();
    const signal = AbortSignal.any([leave.signal, AbortSignal.timeout(within)]);
    try {
      const registration = await this.admin('client', { signal });
      const { value } = (await registration.body?.getReader().read()) ?? {};
      const { accessKeyId, now } = JSON.parse(new TextDecoder().decode(value)) as { accessKeyId: string; now: number };
      const path = `client/${accessKeyId}/sleep?until=${now + seconds * 1000}`;
      const headers = { authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/clock` };
      const slept = await this.admin(path, { method: 'POST', headers, signal });
      if (!slept.ok) {
        throw new Error(await slept.text());
      }
    } finally {
      leave.abort();
    }
  }

  private admin(path: string, init: RequestInit): Promise<Response> {
    const headers = { ...init.headers, 'x-verifier-token': this.ready.token };
    return fetch(`${this.ready.endpoint}/_emulator/${path}`, { ...init, headers });
  }

  private async sqs<Answer>(action: string, body: object): Promise<Answer> {
    const response = await fetch(`${this.ready.endpoint}/`, {
      method: 'POST',
      headers: {
        authorization: AUTHORIZATION,
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': `AmazonSQS.${action}`,
      },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new Error(`${action}: ${text}`);
    }
    return JSON.parse(text) as Answer;
  }
}

/** A variable that `cargo xtask test browser` sets. */
export function required(variable: string): string {
  const value = process.env[variable];
  if (!value) {
    throw new Error(`${variable} is not set: run these tests by \`cargo xtask test browser\``);
  }
  return value;
}
