import { cloudflareTest } from '@cloudflare/vitest-pool-workers'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    silent: 'passed-only',
    projects: [
      {
        // The Worker in workerd, against a real Postgres behind the gateway.
        plugins: [
          cloudflareTest({ miniflare: { compatibilityDate: '2026-08-01', r2Buckets: ['ARTIFACTS'] } }),
        ],
        test: {
          name: 'worker',
          include: ['test/**/*.test.ts'],
          exclude: ['test/{tools,system,contract,clients,browser,faults,hostile}/**'],
          globalSetup: 'test/support/global-setup.ts',
          setupFiles: 'test/support/watch-logs.ts',
        },
      },
      {
        // What runs in Node: the gateway, the embedded Postgres, the migrations.
        test: {
          name: 'tools',
          include: ['test/tools/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      // Whole processes, as a person starts them; slow.
      ...['system', 'contract', 'clients', 'browser', 'faults', 'hostile'].map((name) => ({
        test: {
          name,
          include: [`test/${name}/**/*.test.ts`],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          expect: { poll: { timeout: 15_000 } },
          // Each file of the browser's has a tracker of its own, and mostly waits.
          ...(name === 'browser' ? { maxWorkers: 2 } : { fileParallelism: false }),
        },
      })),
    ],
  },
})
