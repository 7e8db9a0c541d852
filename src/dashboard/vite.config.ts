/** Builds the page into `dist/assets`; `tools/assets.ts` calls it. */
import { defineConfig } from 'vite'

export default defineConfig({
  root: import.meta.dirname,
  publicDir: false,
  // It warns of each `use client` in what is written for React.
  logLevel: 'error',
  resolve: {
    // What is written for React is given Preact.
    alias: {
      'react/jsx-runtime': 'preact/jsx-runtime',
      'react-dom': 'preact/compat',
      react: 'preact/compat',
    },
  },
  build: {
    outDir: '../../dist/assets',
    assetsDir: 'page',
    emptyOutDir: false,
    modulePreload: { polyfill: false },
    // No data: URLs: the policy of the page lets images alone be such.
    assetsInlineLimit: 0,
  },
})
