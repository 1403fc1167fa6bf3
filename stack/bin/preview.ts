import { Annotations } from 'aws-cdk-lib';
import { newApp } from '../lib/app.ts';
import { PreviewStack } from '../lib/preview-stack.ts';
import { runApp } from '../lib/run-app.ts';
import { readSettings } from '../lib/settings.ts';

runApp(() => {
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
});
