import { type IAspect, Lazy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { IConstruct } from 'constructs';

/**
 * Writes the nine patterns of each kind of preview's resources once, and lets CloudFormation repeat them. A template of more
 * than 50 KiB has to be uploaded, and the account's is deployed before there is a bucket for it.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-sub.html
 */
export class CompactPolicies implements IAspect {
  visit(node: IConstruct): void {
    const resolved = (value: unknown) => Stack.of(node).resolve(value) as unknown;
    if (node instanceof iam.CfnManagedPolicy) {
      node.addPropertyOverride('PolicyDocument', Lazy.any({ produce: () => compact(resolved(node.policyDocument)) }));
    } else if (node instanceof iam.CfnRole && node.policies !== undefined) {
      const policies = () => resolved(node.policies) as iam.CfnRole.PolicyProperty[];
      const compacted = () => policies().map(({ policyName, policyDocument }) => ({ PolicyName: policyName, PolicyDocument: compact(policyDocument) }));
      node.addPropertyOverride('Policies', Lazy.any({ produce: compacted }));
    }
  }
}

/** A resolved value in which each list of texts that holds nine which differ by a digit is one text that CloudFormation splits. */
export function compact(value: unknown): unknown {
  if (Array.isArray(value)) {
    const texts = value.map(textOf).filter((text) => text !== undefined);
    const isCompact = texts.length === value.length && texts.some((text) => nineOf(text, texts) !== undefined);
    return isCompact ? split(texts) : value.map(compact);
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, compact(child)]));
}

function split(texts: readonly string[]): unknown {
  const variables: Record<string, unknown> = {};
  const parts = texts.flatMap((text) => {
    const nine = nineOf(text, texts);
    if (nine === undefined) {
      return [text];
    }
    if (nine.digit !== '1') {
      return [];
    }
    const index = Object.keys(variables).length / 2;
    variables[`A${index}`] = substituted(nine.before);
    variables[`B${index}`] = substituted(nine.after);
    return DIGITS.map((digit) => `\${A${index}}${digit}\${B${index}}`);
  });
  return { 'Fn::Split': [',', { 'Fn::Sub': [parts.join(','), variables] }] };
}

const DIGITS = ['1', '2', '3', '4', '5', '6', '7', '8', '9'];

/** What is before and after a text's digit, if the texts have the same with each other digit. */
function nineOf(text: string, texts: readonly string[]): { before: string; digit: string; after: string } | undefined {
  const [, before, digit, after] = /^(.*\b(?:Stack-PR|stack-pr|pr-))([1-9])(\*.*)$/.exec(text) ?? [];
  const found = before !== undefined && digit !== undefined && after !== undefined;
  return found && DIGITS.every((each) => texts.includes(before + each + after)) ? { before, digit, after } : undefined;
}

/** A text that `Fn::Split` and `Fn::Sub` can hold. */
function textOf(value: unknown): string | undefined {
  const text = typeof value === 'string' ? value : (value as Record<string, unknown> | null)?.['Fn::Sub'];
  return typeof text === 'string' && !text.includes(',') ? text : undefined;
}

function substituted(text: string): unknown {
  return text.includes('${') ? { 'Fn::Sub': text } : text;
}
