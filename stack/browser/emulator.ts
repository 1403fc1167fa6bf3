import { readFileSync } from 'node:fs';

/** What `verifier local --ready-file` says of the stack that is up. */
interface Ready {
  readonly endpoint: string;
  readonly region: string;
  readonly outputs: Record<string, string>;
}

/** The stack on this machine, as `cargo xtask test browser` has started it. */
export class Emulator {
  private readonly ready: Ready;

  constructor() {
    this.ready = JSON.parse(readFileSync(required('VERIFIER_BROWSER_READY'), 'utf8')) as Ready;
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
    const response = await fetch(`${this.ready.endpoint}/_emulator/faults`, {
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
      const letter = Messages.find(({ MessageId }) => MessageId === messageId);
      if (letter) {
        return JSON.parse(letter.Body);
      }
    }
    throw new Error(`${messageId} is not in the dead-letter queue after ${polls} long polls`);
  }

  private async sqs<Answer>(action: string, body: object): Promise<Answer> {
    const response = await fetch(`${this.ready.endpoint}/`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${action}` },
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
