import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Loading aws-cdk-lib takes longer than all the tests: one worker loads it once.
    isolate: false,
    fileParallelism: false,
    testTimeout: 30_000,
  },
});
