import { Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/**
 * Acknowledges that a role may do something on every resource that one of these matches, where it is a pattern. A finding's
 * id holds the resource as cdk-nag writes it, which differs with whether account and region are known.
 */
export function acknowledgeWildcards(construct: IConstruct, resources: string[], reason: string): void {
  const found = new Set(resources.map((resource) => asFound(Stack.of(construct).resolve(resource))));
  const ids = [...found].filter((resource) => resource.includes('*')).map((resource) => `AwsSolutions-IAM5[Resource::${resource}]`);
  Validations.of(construct).acknowledge(...ids.map((id) => ({ id, reason })));
}

/** A resolved value as text, with references in angle brackets. */
function asFound(value: unknown): string {
  if (typeof value === 'string') {
    return value;
  }
  const [[intrinsic, argument] = ['', '']] = Object.entries(value as Record<string, unknown>);
  switch (intrinsic) {
    case 'Ref':
      return `<${String(argument)}>`;
    case 'Fn::GetAtt':
      return `<${(argument as string[]).join('.')}>`;
    case 'Fn::Join':
      return (argument as [string, unknown[]])[1].map(asFound).join('');
    case 'Fn::Sub':
      return String(argument).replaceAll(/\$\{([^}]*)\}/g, '<$1>');
    default:
      throw new Error(`a resource of a policy has ${intrinsic}, which nothing here expects`);
  }
}
