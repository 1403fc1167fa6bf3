import { Annotations } from 'aws-cdk-lib';
import { newApp } from '../lib/app.ts';
import { ExpectedError } from '../lib/errors.ts';
import { PreviewStack } from '../lib/preview-stack.ts';
import { readSettings } from '../lib/settings.ts';

function main(): void {
  const app = newApp();
  const settings = readSettings((key) => app.node.tryGetContext(key));
  const stack = new PreviewStack(app, settings);
  if (settings.placeholder) {
    Annotations.of(stack).addWarningV2(
      'preview:placeholder',
      'the functions are placeholders: this template is for reading, not for deploying',
    );
  }
  app.synth();
}

try {
  main();
} catch (error) {
  if (!(error instanceof ExpectedError)) {
    throw error;
  }
  console.error(`error: ${error.message}`);
  // Leaving at once keeps CDK from synthesising the half-built app on the way out.
  process.exit(1);
}
