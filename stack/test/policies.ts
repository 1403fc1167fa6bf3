import { type Resource } from './support.ts';

/** A statement of a policy whose tokens are resolved. */
export interface Statement {
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource: string | string[];
  readonly Condition?: Record<string, Record<string, string | string[]>>;
  readonly Principal?: unknown;
}

export const ACCOUNT = '123456789012';
export const REGION = 'eu-central-1';
const PSEUDO: Record<string, string> = {
  'AWS::Partition': 'aws',
  'AWS::AccountId': ACCOUNT,
  'AWS::Region': REGION,
  'AWS::URLSuffix': 'amazonaws.com',
};

/** A value of a template with its intrinsics replaced by what they would be in a deployed stack. */
export function resolve<T>(value: unknown, resources: Record<string, Resource>, stack: string): T {
  const inner = (each: unknown): unknown => {
    if (Array.isArray(each)) {
      return each.map(inner);
    }
    if (typeof each !== 'object' || each === null) {
      return each;
    }
    const [[key, argument] = ['', undefined]] = Object.entries(each);
    switch (key) {
      case 'Ref':
        return PSEUDO[argument as string] ?? reference(argument as string);
      case 'Fn::GetAtt':
        return attribute(argument as [string, string]);
      case 'Fn::Join':
        return (argument as [string, unknown[]])[1].map(inner).join((argument as [string, unknown[]])[0]);
      case 'Fn::Sub': {
        const [text, variables] = [argument].flat() as [string, Record<string, unknown>?];
        const values: Record<string, unknown> = { ...PSEUDO, ...(inner(variables ?? {}) as object) };
        return text.replaceAll(/\$\{([\w:]+)\}/g, (_, name: string) => String(values[name]));
      }
      case 'Fn::Split':
        return (inner((argument as [string, unknown])[1]) as string).split((argument as [string, unknown])[0]);
      default:
        return Object.fromEntries(Object.entries(each).map(([name, child]) => [name, inner(child)]));
    }
  };
  const reference = (id: string) =>
    resources[id]?.Type === 'AWS::IAM::ManagedPolicy' ? `arn:aws:iam::${ACCOUNT}:policy/${id}` : name(id);
  const attribute = ([id, what]: [string, string]) => (what === 'Arn' ? arnOf(id) : `${id}.${what}`);
  const NAMES = ['QueueName', 'LogGroupName', 'RoleName', 'FunctionName', 'BucketName', 'AlarmName', 'DashboardName'];
  const name = (id: string): string => {
    const { Type, Properties = {} } = resources[id] ?? {};
    const given = Type?.startsWith('Custom::') ? undefined : NAMES.map((key) => Properties[key]).find((each) => each !== undefined);
    const made = `${stack}-${id}-1A2B3C4D5E6F`;
    return (given === undefined ? (Type === 'AWS::S3::Bucket' ? made.toLowerCase() : made) : inner(given)) as string;
  };
  const arnOf = (id: string): string => {
    const kinds: Record<string, () => string> = {
      'AWS::SQS::Queue': () => `arn:aws:sqs:${REGION}:${ACCOUNT}:${name(id)}`,
      'AWS::Logs::LogGroup': () => `arn:aws:logs:${REGION}:${ACCOUNT}:log-group:${name(id)}:*`,
      'AWS::IAM::Role': () => `arn:aws:iam::${ACCOUNT}:role/${name(id)}`,
      'AWS::Lambda::Function': () => `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${name(id)}`,
      'AWS::Lambda::LayerVersion': () => `arn:aws:lambda:${REGION}:${ACCOUNT}:layer:${id}:1`,
      'AWS::Lambda::EventSourceMapping': () => `arn:aws:lambda:${REGION}:${ACCOUNT}:event-source-mapping:0f-1e`,
      'AWS::S3::Bucket': () => `arn:aws:s3:::${name(id)}`,
      'AWS::CloudWatch::Alarm': () => `arn:aws:cloudwatch:${REGION}:${ACCOUNT}:alarm:${name(id)}`,
      'AWS::CloudWatch::Dashboard': () => `arn:aws:cloudwatch::${ACCOUNT}:dashboard/${name(id)}`,
      'AWS::CloudFront::Distribution': () => `arn:aws:cloudfront::${ACCOUNT}:distribution/E1`,
      'AWS::CloudFront::OriginAccessControl': () => `arn:aws:cloudfront::${ACCOUNT}:origin-access-control/E2`,
      'AWS::CloudFront::ResponseHeadersPolicy': () => `arn:aws:cloudfront::${ACCOUNT}:response-headers-policy/1-2`,
      'AWS::ApiGatewayV2::Api': () => `arn:aws:apigateway:${REGION}::/apis/a1b2c3`,
    };
    return kinds[resources[id]?.Type ?? '']?.() ?? `${id} has no ARN here`;
  };
  return inner(value === undefined ? undefined : value) as T;
}

/** The ARN that a deployed resource of a template would have. */
export function arnOf(id: string, resources: Record<string, Resource>, stack: string): string {
  return resolve<string>({ 'Fn::GetAtt': [id, 'Arn'] }, resources, stack);
}

/** Whether IAM's pattern, with `*` and `?`, fits the text. */
export function fits(pattern: string, text: string): boolean {
  const source = pattern.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(text);
}

/** What a request says, by IAM's condition keys; a key of several values has a list. */
export type Context = Record<string, string | readonly string[]>;

/**
 * Whether statements allow an action on a resource under a request's context, and none denies it. Unlike IAM's own
 * simulation, an unknown operator is an error.
 */
export function allows(
  statements: readonly Statement[],
  action: string,
  resource: string,
  context: Context = {},
): boolean {
  const applies = (effect: string) => statements.some(
    (statement) =>
      statement.Effect === effect &&
      [statement.Action].flat().some((each) => fits(each, action)) &&
      [statement.Resource].flat().some((each) => fits(each, resource)) &&
      Object.entries(statement.Condition ?? {}).every(([operator, keys]) => holds(operator, keys, context)),
  );
  return applies('Allow') && !applies('Deny');
}

function holds(operator: string, keys: Record<string, string | string[]>, context: Context): boolean {
  return Object.entries(keys).every(([key, expected]) => {
    const [found, values] = [context[key], [expected].flat()];
    // Of a request without the key, the first holds, and the second does not.
    // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
    if (operator === 'ForAllValues:StringLike') {
      return [found ?? []].flat().every((value) => values.some((each) => fits(each, value)));
    }
    if (operator === 'ForAnyValue:StringNotLike') {
      return [found ?? []].flat().some((value) => !values.some((each) => fits(each, value)));
    }
    if (typeof found === 'object') {
      throw new Error(`${operator} is for one value, and ${key} has several`);
    }
    const value: string | undefined = found;
    switch (operator) {
      case 'StringEquals':
        return value !== undefined && values.includes(value);
      case 'ArnEquals':
        return value !== undefined && values.some((each) => fits(each, value));
      case 'Null':
        return values.includes(String(value === undefined));
      case 'StringEqualsIfExists':
        return value === undefined || values.includes(value);
      case 'StringNotEquals':
        return value === undefined || !values.includes(value);
      case 'StringLike':
        return value !== undefined && values.some((each) => fits(each, value));
      case 'StringNotLike':
        return value === undefined || !values.some((each) => fits(each, value));
      case 'ArnLike':
        return value !== undefined && values.some((each) => fits(each, value));
      default:
        throw new Error(`nothing here knows the operator ${operator}`);
    }
  });
}
