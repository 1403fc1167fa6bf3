/**
 * The names of the two roles that deploy previews. The account's stack makes them, and a preview's assembly names them, so
 * both know them by the qualifier alone. Roles belong to no region, hence it is in the name.
 */
export function deploymentNames(qualifier: string, region: string): { readonly deployment: string; readonly execution: string } {
  return { deployment: `preview-${qualifier}-deployment-${region}`, execution: `preview-${qualifier}-execution-${region}` };
}

/** The ARN of a role by its name, with the placeholders that the CDK's command line fills in. */
export function placeholderArn(roleName: string): string {
  return 'arn:${AWS::Partition}:iam::${AWS::AccountId}:role/' + roleName;
}
