import { App, Validations } from 'aws-cdk-lib';
import recommendedFeatureFlags from 'aws-cdk-lib/recommended-feature-flags.json' with { type: 'json' };
import { AwsSolutionsChecks } from 'cdk-nag';

/**
 * An app that synthesises the same template on every machine, whether or not the CDK command line runs it, and that
 * does not synthesise what breaks a rule of cdk-nag which nobody acknowledged. The feature flags are those that the
 * pinned version of CDK recommends for a new app.
 */
export function newApp(props: { readonly outdir?: string } = {}): App {
  const app = new App({ ...props, context: recommendedFeatureFlags, analyticsReporting: false });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return app;
}
