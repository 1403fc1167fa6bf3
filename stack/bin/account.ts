import { readAccountSettings } from '../lib/account-settings.ts';
import { AccountStack } from '../lib/account-stack.ts';
import { newApp } from '../lib/app.ts';
import { runApp } from '../lib/run-app.ts';

runApp(() => {
  const app = newApp();
  new AccountStack(app, readAccountSettings((key) => app.node.tryGetContext(key)));
  app.synth();
});
