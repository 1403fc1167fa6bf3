import { Template } from 'aws-cdk-lib/assertions';
import { newApp } from '../lib/app.ts';
import { PreviewStack } from '../lib/preview-stack.ts';
import { readSettings } from '../lib/settings.ts';
import { withTemporaryDirectory } from '../lib/temporary-directory.ts';

export interface Resource {
  readonly Type: string;
  readonly Properties?: Record<string, unknown>;
  readonly Metadata?: Record<string, unknown>;
  readonly DependsOn?: string[];
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
}

/** A synthesised preview with placeholders for its functions. */
export class Preview {
  readonly template: Template;
  /** The tags of the stack itself. */
  readonly stackTags: Record<string, string>;
  readonly resources: Record<string, Resource>;

  constructor(context: Record<string, unknown> = {}) {
    const settings = readSettings((key) => (key === 'placeholder' ? true : context[key]));
    const artifact = withTemporaryDirectory((outdir) => {
      const app = newApp({ outdir });
      const stack = new PreviewStack(app, settings);
      const synthesised = app.synth().getStackArtifact(stack.artifactId);
      return { template: synthesised.template as object, tags: synthesised.tags };
    });
    this.template = Template.fromJSON(artifact.template);
    this.stackTags = artifact.tags;
    this.resources = this.template.toJSON().Resources;
  }

  /** The one resource of the type that `matches`, with its logical id. */
  single(type: string, matches: (resource: Resource) => boolean = () => true): [string, Resource] {
    const found = Object.entries(this.resources).filter(([, each]) => each.Type === type && matches(each));
    const [first] = found;
    if (first === undefined || found.length > 1) {
      throw new Error(`expected one ${type}, found ${found.length}`);
    }
    return first;
  }

  /** The function that runs a binary of the workspace. */
  rustFunction(binary: string): [string, Resource] {
    return this.single('AWS::Lambda::Function', (each) => each.Metadata?.['verifier:binary'] === binary);
  }

  /** The actions and resources that the function's role allows, of its inline policies; managed ones fail. */
  allowed(functionId: string): { actions: string[]; resource: unknown }[] {
    const role = property<{ 'Fn::GetAtt': [string, string] }>(this.resources[functionId], 'Role')['Fn::GetAtt'][0];
    if (this.resources[role]?.Properties?.['ManagedPolicyArns'] !== undefined) {
      throw new Error(`${role} has managed policies`);
    }
    return Object.values(this.resources)
      .filter((each) => each.Type === 'AWS::IAM::Policy')
      .filter((each) => property<{ Ref: string }[]>(each, 'Roles').some(({ Ref }) => Ref === role))
      .flatMap((each) => property<{ Statement: Record<string, unknown>[] }>(each, 'PolicyDocument').Statement)
      .map((statement) => ({ actions: [statement['Action']].flat() as string[], resource: statement['Resource'] }));
  }
}

/** The tags of a resource, which some types hold as a list and others as a map. */
export function tagsOf(resource: Resource): Record<string, string> {
  const tags = (resource.Properties?.['Tags'] ?? {}) as Record<string, string> | { Key: string; Value: string }[];
  return Array.isArray(tags) ? Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value])) : tags;
}

/** The default preview, synthesised once. */
export const defaultPreview = new Preview();

/** A property that must be there. */
export function property<T>(resource: Resource | undefined, name: string): T {
  const value = resource?.Properties?.[name];
  if (value === undefined) {
    throw new Error(`${resource?.Type ?? 'an absent resource'} has no property ${name}`);
  }
  return value as T;
}
